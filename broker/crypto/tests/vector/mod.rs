//! Published and independently computed values, base64url without padding unless they say hex.
//!
//! The RSA key is the one printed in RFC 7516 appendix A.1 (nobody's secret); what is said to be "computed" was
//! computed with OpenSSL through Python's `cryptography` 48.

/// RFC 7516 appendix A.1.3: `n`.
pub const N: &str = "oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI\
     1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72Uw\
     xrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2\
     djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw";
/// RFC 7516 appendix A.1.3: `d`.
pub const D: &str = "kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpw\
     R_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfC\
     s6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VS\
     ndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ";
/// RFC 7516 appendix A.1.3: `p`.
pub const P: &str = "1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPj\
     Xv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0";
/// RFC 7516 appendix A.1.3: `q`.
pub const Q: &str = "wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUo\
     eBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc";
/// RFC 7516 appendix A.1.3: `dp`.
pub const DP: &str = "ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4\
     NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE";
/// RFC 7516 appendix A.1.3: `dq`.
pub const DQ: &str = "Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn\
     29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis";
/// RFC 7516 appendix A.1.3: `qi`.
pub const QI: &str = "VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61g\
     wanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY";
/// RFC 7516 appendix A.1.2: the secret in all of the following.
pub const CEK_HEX: &str = "b1a1f480548fe1733fb403ff6b9ad4f68a076e5b702e22692f82cb2e7aea40fc";
/// RFC 7516 appendix A.1.3.
pub const CEK_RSA_OAEP: &str = "OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKA\
     q7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaV\
     mqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQ\
     r66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg";
/// Computed.
pub const CEK_RSA_OAEP_256: &str = "nqI3i2S4oAHncJ9YOLxZHso9eaRX5iJV3dVZgR5oHcBIjcyhVZOajOxEsPodx2zWY40RkC5uoJ7ZxB8zWCFWvWADR3cAo8ih\
     UEJKca704Bkj3mMU3okykwnKcHGwl5W8qp8r9NVWBMComSkOD65l39lLDcHY2BycXEw2qJDVQlhyVU8ttrquxJpC6gOzV1zj\
     2wPcwKP_BZXtARNx4jfynMFqYFZFoQs9h7362Fw1s4KoEWlryEfCyzMd9mTSBrHaspFYyZuOvqr46qkt24B0XVLZsd1tKq4o\
     p6rZ1I9xxpMrKl8dWGE0iN6LBpzXZtT-IJoKUay8WL7FK7mOERJo9A";
/// Computed.
pub const CEK_RSA1_5: &str = "WeuRezDEqvmW0opbp38o6eGwm1hlGZKrWVp1US29oAXqZyZqziw9BH0PNGg2DkThAmMvbk8GkVCsB6-vmocf1oAbIi2Zn6sa\
     2CdiZ9S_ZCj6TWEdbxLd9Cc3lLCt5gM6YoNhaJimYFyKhXl3f10RjoOBq34Nl39wpPx776TyGUK4kpR2c-DNDoa-_TTlfPfZ\
     9hH7y39sy5rVeWs5CnFatzgKvEFGUhWA1BpJYO-y4uBHFTyu9FY2s7H2AroVKXQfUBzfzgrxqkQFvWjSwOJFoxNDuRhcxL0k\
     haHjWQiuZoqR16QfMI0lJsaHqlB3N86bf8v1SsnydsGk9CG6q8x7yA";
/// Computed with SHA-256 for the label and SHA-1 for MGF1: neither algorithm of ours.
pub const CEK_OAEP_SHA256_MGF1_SHA1: &str = "MJAnJS0pVpm6OX9e441vVIb0qlQz0Q7ZjfP8V47W4xTib-86fStS53S18xP7lKgUFL08Tz-1ur73l735L8Nof5FKP9IjxL6Z\
     dque2u2iJTTuwRpCdFz3Qad5s3jClx5sZLSLYpyEhGk3EjFir_VJmHdaippCDOXp2KCH2YdcEEfTYF8AvmZG9wGJexjKOe0V\
     EUzGw7NQ7ZkP7j2zYR8H_ygahrmyK3CuL5S2fA5SHqBy6eMEHGwcHCvfPXJ5a0EnJqcKv_9XfhEibssMv5n3V7PGSSK0AFX9\
     Bgxzn13QHmMHOOUC4y910PL3iQfviCFxMSrLLvZMxPecZ0k6qlUVrA";

/// Computed: signatures of "abc" with the RSA key.
pub const RSA_SIGNATURES: &[(&str, &str)] = &[
    (
        "PS256",
        "JSmnoFfPrlSlc1WU0895Ptxb0ol1aLlqDm1iBAZigc9bq8eAI_FSxydjPRtgC8fsGPTwq7opS-5Zg9aii3U59N6RE3nJtuZ2\
     YquxfJ1Bqwng47I10kMzJky55HRGXkT8Q43F9kdTku9SOfMwQqaIbv6jm8wFqp8P8A4k2OS4D-9mU-i1t5ZF2RQaF1sa1iUB\
     vjFbRN6aZi3rYB6mpakRg9WhtzzCHlsexqFCNEwwYp5Kt2ceoCQeWu_n_iICq92wY13Crbe4Q_zQUMVVz5w3WkOUvsD-kH8H\
     064hH9t-eRvjEsfl8wl1hJGVDQJJpNKAhF6bPrBEsrqHNQFoEYOZyg",
    ),
    (
        "PS384",
        "neCZ1KhvzC4wT66ifzrRcpXcVo76dfA5US1DUZtO5mugfDML96JBb9SfP86FpB58Qtw5RgcvxCh12FPYo-MLQOZ2i9mcqhy1\
     Nb_7aM7JgFqGAoniVer_TD1Ub7YkHI71kiYLwqEBBdH1jnPBwaX6is4RSuuTrzZVltaFh9a4FNKLym6SCkKOuNbUh2_3K6Wc\
     Rg4aZCXGGc7yX2h0Njx0Cdn09No5fCeKcUSFlvCqk_TjJaMdw0_gUo-99EjOHZWmnF-J5HwjtSMviIuKX_l35ptoxxS05MTo\
     pTWvqy40Nyq8vGLk2bEfqDJHrwATvMMVh7jWaeLlQFeBVtE1v-1Sjw",
    ),
    (
        "PS512",
        "eFyF56mm4PYfB9nbsPIFagGljI1jAh1Op1bZQrBKF1-Zel9U7TnoqDtbl1lz0S5at1_HGNNBSItW2ejuDk-Zj2GBIagmKnpH\
     GOvYvLi8pgGNaiJF173nY7ortoLtcnlBQi-w7brV-r3gELCCELJrjtgGOBkE2aypHjKHHlKzIeWlMJbMeRcbgMJP8uQUU_nl\
     i1l4keCW7yDu5lU8W142moKZm2obKBzI47eaikKX4WJnnjbrXN3yhj_e_MXV1P4jF3N_fAkNkpGmgLPh016e1jvCCut2x8v3\
     UkhO7m5dM0ThnZ13y5n3glQr2A0puaecr5fvu-Rk4QNar7oSLKLlDw",
    ),
    (
        "RS256",
        "fliMCD_tffQoXKt3vc2XP1IW5NEI_-U4JfTBl6Tp5STUADAo9t2VzVAlx5RcJT2GfFCAip7JooGIuDuOcgLwssWao4pn85il\
     kHcBudsMabXTz9fGVxQpRka69hs5mkxCEnalDj_8Elzp21sn2_f31dipxQNzIopqQFSeTr4o8Atgo8Ql0Oo2-g562oGVpiNS\
     Yy2QAYRUBPn03dWaFKBxDAP6EZAIE0YmmE3QQ9MjOdNkmY1vYG7wS9sAX-2NeJxuX7ZGpDVk-vlRpWBSwgklYt00vpuHrgC9\
     RpoosnJsMlUqiUuUmhRx3tGzXbXBev4G021R2WnS2OVy_hXe-Cb5zQ",
    ),
    (
        "RS384",
        "XA6JUlbW8qIPdwSZF2Qx2jboRq-A54rFiNkSHUF1Mx_E4XdhlzFRfCoeCpzLYQ61I3sm7REAHkSWNJ253en2X2OysjekO7ES\
     fc6qIJoi8L5ZKinDw0BvTdH4AUsZWbzj5I6s7aDp-FizyJRYE98a3BHjhYh_9iMkKx0BeKkybpc1hI6ZAIO1Y2QcZkWNec99\
     WRNd2FGo7d3h2H7DS7TLGh_rUjgpAuzebFRN_eOg1D99DiSCtGmJv01KZbKGhIURySd7TRIPtFbw0OkrGODOxpOyhIUaX6aG\
     fgEF5tjLSb1EiTeViUsEdUf04Q32mk2yvrT5_u-bOCMFnYcohC6Hpw",
    ),
    (
        "RS512",
        "NCbrnLzBXKP2iTbRBdKoFuNIDt6A9ddONSKNrTONq-XQojLcPgVugLAg9qJPormdLjEvU8bFHWqSVqFS_DievJKATkAW-ylX\
     VhCH_P6Vn44pKmpIBPLO-TK4duKqx9wnhZJ4IovvTzKKsQr__U9t7YJOfrIYjCxg7tj_DcWuDEDPZ3-UtX42uc11794WSd-N\
     JDhbXoTxsxviHs-9zqRDCF1K3ex3yWpVr6a2aIT051MJtjTscnpvyN6nd8tgLmiEbew8Xp2erDvQops8HgK_7Rrz1qa5ScHE\
     0uHOnanN9oG30ZCmYlIGKVDICdEhdAQT8uyDCod5bhf-Z6RXa0N7SQ",
    ),
];

/// Computed, hex: x, y and the signature of "abc".
pub const EC_SIGNATURES: &[(&str, &str, &str, &str)] = &[
    (
        "ES256",
        "26d75ffca4e308b411f3e3bc5c65afdfda334d862bdcc464e8a696a112d69d56",
        "2e193dfe4810a88f9142db2f6c207374f35d5e029ee1351a7a923b7c8e1df96c",
        "a87b8508a5516f92554a001924f623a39bad36f18bcbf838f65ea60976e2628351ea93538da3283ac55234ba00000a5c\
     aa9f0015cefae84f408a1849f2934892",
    ),
    (
        "ES384",
        "56fb3365f2977be5fd30d7e0a060d5625fe79a37cfd2476d7a88006ab480c42148c9f250ad2c93682a2f39d0df560b07",
        "7424aab4aec8080c9225c8d6966c3f3d6627bd7529d8d9cb9fea2fe1a8aee235f5eaeb2fd122633d8bfc1ab1c444b5c0",
        "3dd1ce47616415c622634783801f08d5296d2deee8176e5a84f9102aaa9e42d3afcd7300670e778824dc74a6c84a318b\
     4842a2379098fa4df907570d1e31f9c00655468dadc7fcf17b95fad11e5759ab6e35432b6311ecd06730c2733f752572",
    ),
    (
        "ES512",
        "0008fc62c3a075a4a2454d6af5114984ae3de65e4d4f6f94702a6d9141157de83c2e55624537375f2784543a94e4ccfe\
     060863f471e7ccc415e21257e35ac3d94b0c",
        "0048439a885276bc5f1c90416230101739043ce93afb57e80cb480ae47e925e7fe5cfffad20f3df4988b821296d59ead\
     d6a00adc8a2652085185a6f656f281d1c78c",
        "016b2213d8759fcfed2fc541a9c3d44ec751426d52eeb68fce7aa283cecf41c73474cb55a9e23fdb55b3cc3f4a3f593b\
     a7e32474e16e91e0be444822d100ff3a16a701fbd164b89bc006aaadbee43c78df0e8abbe7d0d771e9f30eec80b69cb4\
     593f4c9e323fe9bc6077d1c4d62fc3ac5ca2a846801d09302d2597d56468ac5ea015fc21",
    ),
];

/// RFC 3394 sections 4.1, 4.3 and 4.6, hex: key, secret, wrapped.
pub const KEY_WRAP: &[(&str, &str, &str)] = &[
    (
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff",
        "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
    ),
];

/// Computed, hex: key, secret, wrapped. (RFC 5649's own two use a 192-bit key, which the library does not take.)
pub const KEY_WRAP_PADDED: &[(&str, &str, &str)] = &[
    ("000102030405060708090a0b0c0d0e0f", "64", "46e154a0b1453ab4f60d492271bb8480"),
    ("000102030405060708090a0b0c0d0e0f", "6465666768696a", "4355ce12413b1acb2e14a74bef75a748"),
    ("000102030405060708090a0b0c0d0e0f", "6465666768696a6b", "2c50cb417b48d13bce783237ce818343"),
    ("000102030405060708090a0b0c0d0e0f", "6465666768696a6b6c", "de35d957ebf1225c7db39b3bef7f1de65a0fb7700e438e88"),
    (
        "000102030405060708090a0b0c0d0e0f",
        "6465666768696a6b6c6d6e6f7071727374757677",
        "ff615645e2e574a9b26b5ce538244540966fb820f86a0dcc75da675603d7a0b4",
    ),
    (
        "000102030405060708090a0b0c0d0e0f",
        "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283",
        "91db2122393f9faff48f4742471ac7fb1d7c03c8ad993b7812d9cd44e34d0e20ce13fdaf278e04cd",
    ),
    ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "64", "aee8e5979e2ddcf6d576baf14ba37816"),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "6465666768696a",
        "edfa0cecade92d13782308d8534bf194",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "6465666768696a6b",
        "11a641166cead547fe9a663cf2f74248",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "6465666768696a6b6c",
        "a42a92e6888f85c9c8feeab1dc4701d254b5b8fa6878a695",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "6465666768696a6b6c6d6e6f7071727374757677",
        "f5129e80e156263174db3eb593dca415b34a59ac30626fd4157e7241c590b6b4",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283",
        "60ac7eeb2c4b430eaea26762c37533463d5c9cb23f4ef7e51941a15e66825d32ca7b123f22bdc4f4",
    ),
];

/// Test case 16 of the GCM specification NIST took over, hex.
pub const GCM_KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
/// Its IV.
pub const GCM_IV: &str = "cafebabefacedbaddecaf888";
/// Its additional data.
pub const GCM_AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
/// Its plaintext.
pub const GCM_PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
     b16aedf5aa0de657ba637b39";
/// Its ciphertext.
pub const GCM_CIPHERTEXT: &str = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
     c5f61e6393ba7a0abcc9f662";
/// Its tag.
pub const GCM_TAG: &str = "76fc6ece0f4e1768cddf8853bb2d551b";

/// Computed: a key whose `p` is the product of two primes, all else in order; n, e, d, p, q, dp, dq, qi.
pub const COMPOSITE_RSA: [&str; 8] = [
    "0Wcpe_4KZF83umetOMgW6cvjT_2iLY6nmlX_QLdUBBh_ohVHdFik-UCf_sGo2XbsPxjFGhMUXoQNll9m7oF5oEM4W_aE9p5o\
     5xDNs1TLOTqsAfDd8pZZ--yvqjd-0db_JIXJtAiuotufZ_idWsL6AoCgCNCoEAte-n8OEM66wMl5H6THdEKk6O0dYfdY9wzb\
     6OSiG5sxId3eA0sqoNk-h2E9RN-IztB8WPHQh7S0H3yyV4a14wstrAQNasIKnaGPbJFFLQeVzt7VAavR15a9HgEkFvxv1aWB\
     bNEruQUwfCEfyC0kfieO1okiFmNK4CGl8eXmDX9twZX5He8AfGJNyQ",
    "AQAB",
    "Uf-CmCIncZxzlxPIGgcIKe8ECSu5mPtWmDH6rR3c0WnCePa6L04S8-Ohg0HUW6uc4SxS6l30SPqO04ZyKQ0cUmxgImrLMENh\
     srG6yvF2TuexuWTXlInZnLPXKeFnUMZOzL9y94O61t0Hc9A_1e2pttclU65ZUUcSnyannF9Hc_v7khObXwEllC1RYc_m7Wt-\
     P1wubQfWQJ7TJSLgijaSmBk_jI9LQHXBPaLD6QC-gt2v_YY4MAyvHlQ_t5Xu_71dBW_gog_ox2FEWlalNxETE8wa_BPg-fsF\
     RxNdqDk1SUysHFo5ScZLw9GdScRI2GrjUzbo-cZ7bNbRyk2fAbHlgQ",
    "6gxMbdTZpT1RofLi3e1lYbK5prVImY2c6x2HJVw8yah9JwmGEPkt9LmApTRwgyIYyyuRIUZO2KPvLXtuvF3sVlw1vU4DfkGe\
     8jRV8sZtc_DlbC9Uudr4kCsLgXrusAKqkQcGLLf80I_5-Mv4qbfP7JC85HYuRCQgSf9Nx1h9fVk",
    "5QsdFNsWjkayXDq52zKmLIY05lbjUrbJtu97SGbivEnHjPObjCCFQTttmkEsolrO8OfYRogeITqagWOh91sgdh2bH6DX88RV\
     Yr2-ayUrTKiurcxGHEnwxdzdMJYF2QV_uJJDpp-yH-yWO5oQlcIu6ZHl3Avvex8MYH3uXsjPFfE",
    "jWKckQSx7dYbCEAXuIT-Z4R2DjUZBFm933JY_8K2ngOAhyKDsKE2l82v3xzMkwr3-1P4Oiek3c46YDlebcA3UvwlIpSMG6s8\
     f4gKG7yuxglSLoZxIk0bNswqCS_gHMefjji2DDGhMcSn9xoQv0Xg_0F4OnMCA_vm3Yyyyae1NxE",
    "4iSF8yiZ7aIJypxFExLAFafwpRhW3D0TjqaHH6ZN6cAi4Z1JECKvzwdhIPOGoUptllgjJwiQTxiwol3_9d0ogNacaa8CaXGJ\
     KLPVRa7uQIMv7POKqbWrn4CBd844Od1_DHqFhweX9INAldp405Rlg0IFJK04J2UxcDgGWdmE9dE",
    "erW3jXimuF-__Ykz_XhgB_dT0yDTnopUwVcOlPdePVgYd3hOEUYqxBBPKU7Fp9KSnOtE4L5VHgsSZInqAQ7wpwLWMYfyfxHp\
     nJ__IanFykMrAHWHeBjHTNwM5O4uUCu77d0_C__rp4eWd-LxOHq9uYp4532aFAR64joAQy7Q61I",
];
