//! Made by `tables/generate.py` from the KMIP 1.4 specification, section 9.1. Not edited by hand.

use crate::name::{enumerations, masks, tags};

tags! {
    ActivationDate = 0x420001, "Activation Date";
    ApplicationData = 0x420002, "Application Data";
    ApplicationNamespace = 0x420003, "Application Namespace";
    ApplicationSpecificInformation = 0x420004, "Application Specific Information";
    ArchiveDate = 0x420005, "Archive Date";
    AsynchronousCorrelationValue = 0x420006, "Asynchronous Correlation Value";
    AsynchronousIndicator = 0x420007, "Asynchronous Indicator";
    Attribute = 0x420008, "Attribute";
    AttributeIndex = 0x420009, "Attribute Index";
    AttributeName = 0x42000a, "Attribute Name";
    AttributeValue = 0x42000b, "Attribute Value";
    Authentication = 0x42000c, "Authentication";
    BatchCount = 0x42000d, "Batch Count";
    BatchErrorContinuationOption = 0x42000e, "Batch Error Continuation Option";
    BatchItem = 0x42000f, "Batch Item";
    BatchOrderOption = 0x420010, "Batch Order Option";
    BlockCipherMode = 0x420011, "Block Cipher Mode";
    CancellationResult = 0x420012, "Cancellation Result";
    Certificate = 0x420013, "Certificate";
    CertificateIdentifier = 0x420014, "Certificate Identifier";
    CertificateIssuer = 0x420015, "Certificate Issuer";
    CertificateIssuerAlternativeName = 0x420016, "Certificate Issuer Alternative Name";
    CertificateIssuerDistinguishedName = 0x420017, "Certificate Issuer Distinguished Name";
    CertificateRequest = 0x420018, "Certificate Request";
    CertificateRequestType = 0x420019, "Certificate Request Type";
    CertificateSubject = 0x42001a, "Certificate Subject";
    CertificateSubjectAlternativeName = 0x42001b, "Certificate Subject Alternative Name";
    CertificateSubjectDistinguishedName = 0x42001c, "Certificate Subject Distinguished Name";
    CertificateType = 0x42001d, "Certificate Type";
    CertificateValue = 0x42001e, "Certificate Value";
    CommonTemplateAttribute = 0x42001f, "Common Template-Attribute";
    CompromiseDate = 0x420020, "Compromise Date";
    CompromiseOccurrenceDate = 0x420021, "Compromise Occurrence Date";
    ContactInformation = 0x420022, "Contact Information";
    Credential = 0x420023, "Credential";
    CredentialType = 0x420024, "Credential Type";
    CredentialValue = 0x420025, "Credential Value";
    CriticalityIndicator = 0x420026, "Criticality Indicator";
    CRTCoefficient = 0x420027, "CRT Coefficient";
    CryptographicAlgorithm = 0x420028, "Cryptographic Algorithm";
    CryptographicDomainParameters = 0x420029, "Cryptographic Domain Parameters";
    CryptographicLength = 0x42002a, "Cryptographic Length";
    CryptographicParameters = 0x42002b, "Cryptographic Parameters";
    CryptographicUsageMask = 0x42002c, "Cryptographic Usage Mask";
    CustomAttribute = 0x42002d, "Custom Attribute";
    D = 0x42002e, "D";
    DeactivationDate = 0x42002f, "Deactivation Date";
    DerivationData = 0x420030, "Derivation Data";
    DerivationMethod = 0x420031, "Derivation Method";
    DerivationParameters = 0x420032, "Derivation Parameters";
    DestroyDate = 0x420033, "Destroy Date";
    Digest = 0x420034, "Digest";
    DigestValue = 0x420035, "Digest Value";
    EncryptionKeyInformation = 0x420036, "Encryption Key Information";
    G = 0x420037, "G";
    HashingAlgorithm = 0x420038, "Hashing Algorithm";
    InitialDate = 0x420039, "Initial Date";
    InitializationVector = 0x42003a, "Initialization Vector";
    Issuer = 0x42003b, "Issuer";
    IterationCount = 0x42003c, "Iteration Count";
    IVCounterNonce = 0x42003d, "IV/Counter/Nonce";
    J = 0x42003e, "J";
    Key = 0x42003f, "Key";
    KeyBlock = 0x420040, "Key Block";
    KeyCompressionType = 0x420041, "Key Compression Type";
    KeyFormatType = 0x420042, "Key Format Type";
    KeyMaterial = 0x420043, "Key Material";
    KeyPartIdentifier = 0x420044, "Key Part Identifier";
    KeyValue = 0x420045, "Key Value";
    KeyWrappingData = 0x420046, "Key Wrapping Data";
    KeyWrappingSpecification = 0x420047, "Key Wrapping Specification";
    LastChangeDate = 0x420048, "Last Change Date";
    LeaseTime = 0x420049, "Lease Time";
    Link = 0x42004a, "Link";
    LinkType = 0x42004b, "Link Type";
    LinkedObjectIdentifier = 0x42004c, "Linked Object Identifier";
    MACSignature = 0x42004d, "MAC/Signature";
    MACSignatureKeyInformation = 0x42004e, "MAC/Signature Key Information";
    MaximumItems = 0x42004f, "Maximum Items";
    MaximumResponseSize = 0x420050, "Maximum Response Size";
    MessageExtension = 0x420051, "Message Extension";
    Modulus = 0x420052, "Modulus";
    Name = 0x420053, "Name";
    NameType = 0x420054, "Name Type";
    NameValue = 0x420055, "Name Value";
    ObjectGroup = 0x420056, "Object Group";
    ObjectType = 0x420057, "Object Type";
    Offset = 0x420058, "Offset";
    OpaqueDataType = 0x420059, "Opaque Data Type";
    OpaqueDataValue = 0x42005a, "Opaque Data Value";
    OpaqueObject = 0x42005b, "Opaque Object";
    Operation = 0x42005c, "Operation";
    OperationPolicyName = 0x42005d, "Operation Policy Name";
    P = 0x42005e, "P";
    PaddingMethod = 0x42005f, "Padding Method";
    PrimeExponentP = 0x420060, "Prime Exponent P";
    PrimeExponentQ = 0x420061, "Prime Exponent Q";
    PrimeFieldSize = 0x420062, "Prime Field Size";
    PrivateExponent = 0x420063, "Private Exponent";
    PrivateKey = 0x420064, "Private Key";
    PrivateKeyTemplateAttribute = 0x420065, "Private Key Template-Attribute";
    PrivateKeyUniqueIdentifier = 0x420066, "Private Key Unique Identifier";
    ProcessStartDate = 0x420067, "Process Start Date";
    ProtectStopDate = 0x420068, "Protect Stop Date";
    ProtocolVersion = 0x420069, "Protocol Version";
    ProtocolVersionMajor = 0x42006a, "Protocol Version Major";
    ProtocolVersionMinor = 0x42006b, "Protocol Version Minor";
    PublicExponent = 0x42006c, "Public Exponent";
    PublicKey = 0x42006d, "Public Key";
    PublicKeyTemplateAttribute = 0x42006e, "Public Key Template-Attribute";
    PublicKeyUniqueIdentifier = 0x42006f, "Public Key Unique Identifier";
    PutFunction = 0x420070, "Put Function";
    Q = 0x420071, "Q";
    QString = 0x420072, "Q String";
    Qlength = 0x420073, "Qlength";
    QueryFunction = 0x420074, "Query Function";
    RecommendedCurve = 0x420075, "Recommended Curve";
    ReplacedUniqueIdentifier = 0x420076, "Replaced Unique Identifier";
    RequestHeader = 0x420077, "Request Header";
    RequestMessage = 0x420078, "Request Message";
    RequestPayload = 0x420079, "Request Payload";
    ResponseHeader = 0x42007a, "Response Header";
    ResponseMessage = 0x42007b, "Response Message";
    ResponsePayload = 0x42007c, "Response Payload";
    ResultMessage = 0x42007d, "Result Message";
    ResultReason = 0x42007e, "Result Reason";
    ResultStatus = 0x42007f, "Result Status";
    RevocationMessage = 0x420080, "Revocation Message";
    RevocationReason = 0x420081, "Revocation Reason";
    RevocationReasonCode = 0x420082, "Revocation Reason Code";
    KeyRoleType = 0x420083, "Key Role Type";
    Salt = 0x420084, "Salt";
    SecretData = 0x420085, "Secret Data";
    SecretDataType = 0x420086, "Secret Data Type";
    SerialNumber = 0x420087, "Serial Number";
    ServerInformation = 0x420088, "Server Information";
    SplitKey = 0x420089, "Split Key";
    SplitKeyMethod = 0x42008a, "Split Key Method";
    SplitKeyParts = 0x42008b, "Split Key Parts";
    SplitKeyThreshold = 0x42008c, "Split Key Threshold";
    State = 0x42008d, "State";
    StorageStatusMask = 0x42008e, "Storage Status Mask";
    SymmetricKey = 0x42008f, "Symmetric Key";
    Template = 0x420090, "Template";
    TemplateAttribute = 0x420091, "Template-Attribute";
    TimeStamp = 0x420092, "Time Stamp";
    UniqueBatchItemID = 0x420093, "Unique Batch Item ID";
    UniqueIdentifier = 0x420094, "Unique Identifier";
    UsageLimits = 0x420095, "Usage Limits";
    UsageLimitsCount = 0x420096, "Usage Limits Count";
    UsageLimitsTotal = 0x420097, "Usage Limits Total";
    UsageLimitsUnit = 0x420098, "Usage Limits Unit";
    Username = 0x420099, "Username";
    ValidityDate = 0x42009a, "Validity Date";
    ValidityIndicator = 0x42009b, "Validity Indicator";
    VendorExtension = 0x42009c, "Vendor Extension";
    VendorIdentification = 0x42009d, "Vendor Identification";
    WrappingMethod = 0x42009e, "Wrapping Method";
    X = 0x42009f, "X";
    Y = 0x4200a0, "Y";
    Password = 0x4200a1, "Password";
    DeviceIdentifier = 0x4200a2, "Device Identifier";
    EncodingOption = 0x4200a3, "Encoding Option";
    ExtensionInformation = 0x4200a4, "Extension Information";
    ExtensionName = 0x4200a5, "Extension Name";
    ExtensionTag = 0x4200a6, "Extension Tag";
    ExtensionType = 0x4200a7, "Extension Type";
    Fresh = 0x4200a8, "Fresh";
    MachineIdentifier = 0x4200a9, "Machine Identifier";
    MediaIdentifier = 0x4200aa, "Media Identifier";
    NetworkIdentifier = 0x4200ab, "Network Identifier";
    ObjectGroupMember = 0x4200ac, "Object Group Member";
    CertificateLength = 0x4200ad, "Certificate Length";
    DigitalSignatureAlgorithm = 0x4200ae, "Digital Signature Algorithm";
    CertificateSerialNumber = 0x4200af, "Certificate Serial Number";
    DeviceSerialNumber = 0x4200b0, "Device Serial Number";
    IssuerAlternativeName = 0x4200b1, "Issuer Alternative Name";
    IssuerDistinguishedName = 0x4200b2, "Issuer Distinguished Name";
    SubjectAlternativeName = 0x4200b3, "Subject Alternative Name";
    SubjectDistinguishedName = 0x4200b4, "Subject Distinguished Name";
    X_509CertificateIdentifier = 0x4200b5, "X.509 Certificate Identifier";
    X_509CertificateIssuer = 0x4200b6, "X.509 Certificate Issuer";
    X_509CertificateSubject = 0x4200b7, "X.509 Certificate Subject";
    KeyValueLocation = 0x4200b8, "Key Value Location";
    KeyValueLocationValue = 0x4200b9, "Key Value Location Value";
    KeyValueLocationType = 0x4200ba, "Key Value Location Type";
    KeyValuePresent = 0x4200bb, "Key Value Present";
    OriginalCreationDate = 0x4200bc, "Original Creation Date";
    PGPKey = 0x4200bd, "PGP Key";
    PGPKeyVersion = 0x4200be, "PGP Key Version";
    AlternativeName = 0x4200bf, "Alternative Name";
    AlternativeNameValue = 0x4200c0, "Alternative Name Value";
    AlternativeNameType = 0x4200c1, "Alternative Name Type";
    Data = 0x4200c2, "Data";
    SignatureData = 0x4200c3, "Signature Data";
    DataLength = 0x4200c4, "Data Length";
    RandomIV = 0x4200c5, "Random IV";
    MACData = 0x4200c6, "MAC Data";
    AttestationType = 0x4200c7, "Attestation Type";
    Nonce = 0x4200c8, "Nonce";
    NonceID = 0x4200c9, "Nonce ID";
    NonceValue = 0x4200ca, "Nonce Value";
    AttestationMeasurement = 0x4200cb, "Attestation Measurement";
    AttestationAssertion = 0x4200cc, "Attestation Assertion";
    IVLength = 0x4200cd, "IV Length";
    TagLength = 0x4200ce, "Tag Length";
    FixedFieldLength = 0x4200cf, "Fixed Field Length";
    CounterLength = 0x4200d0, "Counter Length";
    InitialCounterValue = 0x4200d1, "Initial Counter Value";
    InvocationFieldLength = 0x4200d2, "Invocation Field Length";
    AttestationCapableIndicator = 0x4200d3, "Attestation Capable Indicator";
    OffsetItems = 0x4200d4, "Offset Items";
    LocatedItems = 0x4200d5, "Located Items";
    CorrelationValue = 0x4200d6, "Correlation Value";
    InitIndicator = 0x4200d7, "Init Indicator";
    FinalIndicator = 0x4200d8, "Final Indicator";
    RNGParameters = 0x4200d9, "RNG Parameters";
    RNGAlgorithm = 0x4200da, "RNG Algorithm";
    DRBGAlgorithm = 0x4200db, "DRBG Algorithm";
    FIPS186Variation = 0x4200dc, "FIPS186 Variation";
    PredictionResistance = 0x4200dd, "Prediction Resistance";
    RandomNumberGenerator = 0x4200de, "Random Number Generator";
    ValidationInformation = 0x4200df, "Validation Information";
    ValidationAuthorityType = 0x4200e0, "Validation Authority Type";
    ValidationAuthorityCountry = 0x4200e1, "Validation Authority Country";
    ValidationAuthorityURI = 0x4200e2, "Validation Authority URI";
    ValidationVersionMajor = 0x4200e3, "Validation Version Major";
    ValidationVersionMinor = 0x4200e4, "Validation Version Minor";
    ValidationType = 0x4200e5, "Validation Type";
    ValidationLevel = 0x4200e6, "Validation Level";
    ValidationCertificateIdentifier = 0x4200e7, "Validation Certificate Identifier";
    ValidationCertificateURI = 0x4200e8, "Validation Certificate URI";
    ValidationVendorURI = 0x4200e9, "Validation Vendor URI";
    ValidationProfile = 0x4200ea, "Validation Profile";
    ProfileInformation = 0x4200eb, "Profile Information";
    ProfileName = 0x4200ec, "Profile Name";
    ServerURI = 0x4200ed, "Server URI";
    ServerPort = 0x4200ee, "Server Port";
    StreamingCapability = 0x4200ef, "Streaming Capability";
    AsynchronousCapability = 0x4200f0, "Asynchronous Capability";
    AttestationCapability = 0x4200f1, "Attestation Capability";
    UnwrapMode = 0x4200f2, "Unwrap Mode";
    DestroyAction = 0x4200f3, "Destroy Action";
    ShreddingAlgorithm = 0x4200f4, "Shredding Algorithm";
    RNGMode = 0x4200f5, "RNG Mode";
    ClientRegistrationMethod = 0x4200f6, "Client Registration Method";
    CapabilityInformation = 0x4200f7, "Capability Information";
    KeyWrapType = 0x4200f8, "Key Wrap Type";
    BatchUndoCapability = 0x4200f9, "Batch Undo Capability";
    BatchContinueCapability = 0x4200fa, "Batch Continue Capability";
    PKCS_12FriendlyName = 0x4200fb, "PKCS#12 Friendly Name";
    Description = 0x4200fc, "Description";
    Comment = 0x4200fd, "Comment";
    AuthenticatedEncryptionAdditionalData = 0x4200fe, "Authenticated Encryption Additional Data";
    AuthenticatedEncryptionTag = 0x4200ff, "Authenticated Encryption Tag";
    SaltLength = 0x420100, "Salt Length";
    MaskGenerator = 0x420101, "Mask Generator";
    MaskGeneratorHashingAlgorithm = 0x420102, "Mask Generator Hashing Algorithm";
    PSource = 0x420103, "P Source";
    TrailerField = 0x420104, "Trailer Field";
    ClientCorrelationValue = 0x420105, "Client Correlation Value";
    ServerCorrelationValue = 0x420106, "Server Correlation Value";
    DigestedData = 0x420107, "Digested Data";
    CertificateSubjectCN = 0x420108, "Certificate Subject CN";
    CertificateSubjectO = 0x420109, "Certificate Subject O";
    CertificateSubjectOU = 0x42010a, "Certificate Subject OU";
    CertificateSubjectEmail = 0x42010b, "Certificate Subject Email";
    CertificateSubjectC = 0x42010c, "Certificate Subject C";
    CertificateSubjectST = 0x42010d, "Certificate Subject ST";
    CertificateSubjectL = 0x42010e, "Certificate Subject L";
    CertificateSubjectUID = 0x42010f, "Certificate Subject UID";
    CertificateSubjectSerialNumber = 0x420110, "Certificate Subject Serial Number";
    CertificateSubjectTitle = 0x420111, "Certificate Subject Title";
    CertificateSubjectDC = 0x420112, "Certificate Subject DC";
    CertificateSubjectDNQualifier = 0x420113, "Certificate Subject DN Qualifier";
    CertificateIssuerCN = 0x420114, "Certificate Issuer CN";
    CertificateIssuerO = 0x420115, "Certificate Issuer O";
    CertificateIssuerOU = 0x420116, "Certificate Issuer OU";
    CertificateIssuerEmail = 0x420117, "Certificate Issuer Email";
    CertificateIssuerC = 0x420118, "Certificate Issuer C";
    CertificateIssuerST = 0x420119, "Certificate Issuer ST";
    CertificateIssuerL = 0x42011a, "Certificate Issuer L";
    CertificateIssuerUID = 0x42011b, "Certificate Issuer UID";
    CertificateIssuerSerialNumber = 0x42011c, "Certificate Issuer Serial Number";
    CertificateIssuerTitle = 0x42011d, "Certificate Issuer Title";
    CertificateIssuerDC = 0x42011e, "Certificate Issuer DC";
    CertificateIssuerDNQualifier = 0x42011f, "Certificate Issuer DN Qualifier";
    Sensitive = 0x420120, "Sensitive";
    AlwaysSensitive = 0x420121, "Always Sensitive";
    Extractable = 0x420122, "Extractable";
    NeverExtractable = 0x420123, "Never Extractable";
    ReplaceExisting = 0x420124, "Replace Existing";
}

enumerations! {
    /// Section 9.1.1.2.
    ItemType {
        Structure = 0x01,
        Integer = 0x02,
        LongInteger = 0x03,
        BigInteger = 0x04,
        Enumeration = 0x05,
        Boolean = 0x06,
        TextString = 0x07,
        ByteString = 0x08,
        DateTime = 0x09,
        Interval = 0x0a,
    }
    /// Section 9.1.3.2.1.
    CredentialType {
        UsernameAndPassword = 0x00000001,
        Device = 0x00000002,
        Attestation = 0x00000003,
    }
    /// Section 9.1.3.2.2.
    KeyCompressionType {
        ECPublicKeyTypeUncompressed = 0x00000001,
        ECPublicKeyTypeX9_62CompressedPrime = 0x00000002,
        ECPublicKeyTypeX9_62CompressedChar2 = 0x00000003,
        ECPublicKeyTypeX9_62Hybrid = 0x00000004,
    }
    /// Section 9.1.3.2.3.
    KeyFormatType {
        Raw = 0x00000001,
        Opaque = 0x00000002,
        PKCS_1 = 0x00000003,
        PKCS_8 = 0x00000004,
        X_509 = 0x00000005,
        ECPrivateKey = 0x00000006,
        TransparentSymmetricKey = 0x00000007,
        TransparentDSAPrivateKey = 0x00000008,
        TransparentDSAPublicKey = 0x00000009,
        TransparentRSAPrivateKey = 0x0000000a,
        TransparentRSAPublicKey = 0x0000000b,
        TransparentDHPrivateKey = 0x0000000c,
        TransparentDHPublicKey = 0x0000000d,
        TransparentECDSAPrivateKey = 0x0000000e,
        TransparentECDSAPublicKey = 0x0000000f,
        TransparentECDHPrivateKey = 0x00000010,
        TransparentECDHPublicKey = 0x00000011,
        TransparentECMQVPrivateKey = 0x00000012,
        TransparentECMQVPublicKey = 0x00000013,
        TransparentECPrivateKey = 0x00000014,
        TransparentECPublicKey = 0x00000015,
        PKCS_12 = 0x00000016,
    }
    /// Section 9.1.3.2.4.
    WrappingMethod {
        Encrypt = 0x00000001,
        MACSign = 0x00000002,
        EncryptThenMACSign = 0x00000003,
        MACSignThenEncrypt = 0x00000004,
        TR_31 = 0x00000005,
    }
    /// Section 9.1.3.2.5.
    RecommendedCurve {
        P_192 = 0x00000001,
        K_163 = 0x00000002,
        B_163 = 0x00000003,
        P_224 = 0x00000004,
        K_233 = 0x00000005,
        B_233 = 0x00000006,
        P_256 = 0x00000007,
        K_283 = 0x00000008,
        B_283 = 0x00000009,
        P_384 = 0x0000000a,
        K_409 = 0x0000000b,
        B_409 = 0x0000000c,
        P_521 = 0x0000000d,
        K_571 = 0x0000000e,
        B_571 = 0x0000000f,
        SECP112R1 = 0x00000010,
        SECP112R2 = 0x00000011,
        SECP128R1 = 0x00000012,
        SECP128R2 = 0x00000013,
        SECP160K1 = 0x00000014,
        SECP160R1 = 0x00000015,
        SECP160R2 = 0x00000016,
        SECP192K1 = 0x00000017,
        SECP224K1 = 0x00000018,
        SECP256K1 = 0x00000019,
        SECT113R1 = 0x0000001a,
        SECT113R2 = 0x0000001b,
        SECT131R1 = 0x0000001c,
        SECT131R2 = 0x0000001d,
        SECT163R1 = 0x0000001e,
        SECT193R1 = 0x0000001f,
        SECT193R2 = 0x00000020,
        SECT239K1 = 0x00000021,
        ANSIX9P192V2 = 0x00000022,
        ANSIX9P192V3 = 0x00000023,
        ANSIX9P239V1 = 0x00000024,
        ANSIX9P239V2 = 0x00000025,
        ANSIX9P239V3 = 0x00000026,
        ANSIX9C2PNB163V1 = 0x00000027,
        ANSIX9C2PNB163V2 = 0x00000028,
        ANSIX9C2PNB163V3 = 0x00000029,
        ANSIX9C2PNB176V1 = 0x0000002a,
        ANSIX9C2TNB191V1 = 0x0000002b,
        ANSIX9C2TNB191V2 = 0x0000002c,
        ANSIX9C2TNB191V3 = 0x0000002d,
        ANSIX9C2PNB208W1 = 0x0000002e,
        ANSIX9C2TNB239V1 = 0x0000002f,
        ANSIX9C2TNB239V2 = 0x00000030,
        ANSIX9C2TNB239V3 = 0x00000031,
        ANSIX9C2PNB272W1 = 0x00000032,
        ANSIX9C2PNB304W1 = 0x00000033,
        ANSIX9C2TNB359V1 = 0x00000034,
        ANSIX9C2PNB368W1 = 0x00000035,
        ANSIX9C2TNB431R1 = 0x00000036,
        BRAINPOOLP160R1 = 0x00000037,
        BRAINPOOLP160T1 = 0x00000038,
        BRAINPOOLP192R1 = 0x00000039,
        BRAINPOOLP192T1 = 0x0000003a,
        BRAINPOOLP224R1 = 0x0000003b,
        BRAINPOOLP224T1 = 0x0000003c,
        BRAINPOOLP256R1 = 0x0000003d,
        BRAINPOOLP256T1 = 0x0000003e,
        BRAINPOOLP320R1 = 0x0000003f,
        BRAINPOOLP320T1 = 0x00000040,
        BRAINPOOLP384R1 = 0x00000041,
        BRAINPOOLP384T1 = 0x00000042,
        BRAINPOOLP512R1 = 0x00000043,
        BRAINPOOLP512T1 = 0x00000044,
    }
    /// Section 9.1.3.2.6.
    CertificateType {
        X_509 = 0x00000001,
        PGP = 0x00000002,
    }
    /// Section 9.1.3.2.7.
    DigitalSignatureAlgorithm {
        MD2WithRSAEncryptionPKCS_1V1_5 = 0x00000001,
        MD5WithRSAEncryptionPKCS_1V1_5 = 0x00000002,
        SHA_1WithRSAEncryptionPKCS_1V1_5 = 0x00000003,
        SHA_224WithRSAEncryptionPKCS_1V1_5 = 0x00000004,
        SHA_256WithRSAEncryptionPKCS_1V1_5 = 0x00000005,
        SHA_384WithRSAEncryptionPKCS_1V1_5 = 0x00000006,
        SHA_512WithRSAEncryptionPKCS_1V1_5 = 0x00000007,
        RSASSAPSSPKCS_1V2_1 = 0x00000008,
        DSAWithSHA_1 = 0x00000009,
        DSAWithSHA224 = 0x0000000a,
        DSAWithSHA256 = 0x0000000b,
        ECDSAWithSHA_1 = 0x0000000c,
        ECDSAWithSHA224 = 0x0000000d,
        ECDSAWithSHA256 = 0x0000000e,
        ECDSAWithSHA384 = 0x0000000f,
        ECDSAWithSHA512 = 0x00000010,
        SHA3_256WithRSAEncryption = 0x00000011,
        SHA3_384WithRSAEncryption = 0x00000012,
        SHA3_512WithRSAEncryption = 0x00000013,
    }
    /// Section 9.1.3.2.8.
    SplitKeyMethod {
        XOR = 0x00000001,
        PolynomialSharingGF216 = 0x00000002,
        PolynomialSharingPrimeField = 0x00000003,
        PolynomialSharingGF28 = 0x00000004,
    }
    /// Section 9.1.3.2.9.
    SecretDataType {
        Password = 0x00000001,
        Seed = 0x00000002,
    }
    /// Section 9.1.3.2.11.
    NameType {
        UninterpretedTextString = 0x00000001,
        URI = 0x00000002,
    }
    /// Section 9.1.3.2.12.
    ObjectType {
        Certificate = 0x00000001,
        SymmetricKey = 0x00000002,
        PublicKey = 0x00000003,
        PrivateKey = 0x00000004,
        SplitKey = 0x00000005,
        Template = 0x00000006,
        SecretData = 0x00000007,
        OpaqueObject = 0x00000008,
        PGPKey = 0x00000009,
    }
    /// Section 9.1.3.2.13.
    CryptographicAlgorithm {
        DES = 0x00000001,
        DES3 = 0x00000002,
        AES = 0x00000003,
        RSA = 0x00000004,
        DSA = 0x00000005,
        ECDSA = 0x00000006,
        HMACSHA1 = 0x00000007,
        HMACSHA224 = 0x00000008,
        HMACSHA256 = 0x00000009,
        HMACSHA384 = 0x0000000a,
        HMACSHA512 = 0x0000000b,
        HMACMD5 = 0x0000000c,
        DH = 0x0000000d,
        ECDH = 0x0000000e,
        ECMQV = 0x0000000f,
        Blowfish = 0x00000010,
        Camellia = 0x00000011,
        CAST5 = 0x00000012,
        IDEA = 0x00000013,
        MARS = 0x00000014,
        RC2 = 0x00000015,
        RC4 = 0x00000016,
        RC5 = 0x00000017,
        SKIPJACK = 0x00000018,
        Twofish = 0x00000019,
        EC = 0x0000001a,
        OneTimePad = 0x0000001b,
        ChaCha20 = 0x0000001c,
        Poly1305 = 0x0000001d,
        ChaCha20Poly1305 = 0x0000001e,
        SHA3_224 = 0x0000001f,
        SHA3_256 = 0x00000020,
        SHA3_384 = 0x00000021,
        SHA3_512 = 0x00000022,
        HMACSHA3_224 = 0x00000023,
        HMACSHA3_256 = 0x00000024,
        HMACSHA3_384 = 0x00000025,
        HMACSHA3_512 = 0x00000026,
        SHAKE_128 = 0x00000027,
        SHAKE_256 = 0x00000028,
    }
    /// Section 9.1.3.2.14.
    BlockCipherMode {
        CBC = 0x00000001,
        ECB = 0x00000002,
        PCBC = 0x00000003,
        CFB = 0x00000004,
        OFB = 0x00000005,
        CTR = 0x00000006,
        CMAC = 0x00000007,
        CCM = 0x00000008,
        GCM = 0x00000009,
        CBCMAC = 0x0000000a,
        XTS = 0x0000000b,
        AESKeyWrapPadding = 0x0000000c,
        NISTKeyWrap = 0x0000000d,
        X9_102AESKW = 0x0000000e,
        X9_102TDKW = 0x0000000f,
        X9_102AKW1 = 0x00000010,
        X9_102AKW2 = 0x00000011,
        AEAD = 0x00000012,
    }
    /// Section 9.1.3.2.15.
    PaddingMethod {
        None = 0x00000001,
        OAEP = 0x00000002,
        PKCS5 = 0x00000003,
        SSL3 = 0x00000004,
        Zeros = 0x00000005,
        ANSIX9_23 = 0x00000006,
        ISO10126 = 0x00000007,
        PKCS1V1_5 = 0x00000008,
        X9_31 = 0x00000009,
        PSS = 0x0000000a,
    }
    /// Section 9.1.3.2.16.
    HashingAlgorithm {
        MD2 = 0x00000001,
        MD4 = 0x00000002,
        MD5 = 0x00000003,
        SHA_1 = 0x00000004,
        SHA_224 = 0x00000005,
        SHA_256 = 0x00000006,
        SHA_384 = 0x00000007,
        SHA_512 = 0x00000008,
        RIPEMD_160 = 0x00000009,
        Tiger = 0x0000000a,
        Whirlpool = 0x0000000b,
        SHA_512_224 = 0x0000000c,
        SHA_512_256 = 0x0000000d,
        SHA_3_224 = 0x0000000e,
        SHA_3_256 = 0x0000000f,
        SHA_3_384 = 0x00000010,
        SHA_3_512 = 0x00000011,
    }
    /// Section 9.1.3.2.17.
    KeyRoleType {
        BDK = 0x00000001,
        CVK = 0x00000002,
        DEK = 0x00000003,
        MKAC = 0x00000004,
        MKSMC = 0x00000005,
        MKSMI = 0x00000006,
        MKDAC = 0x00000007,
        MKDN = 0x00000008,
        MKCP = 0x00000009,
        MKOTH = 0x0000000a,
        KEK = 0x0000000b,
        MAC16609 = 0x0000000c,
        MAC97971 = 0x0000000d,
        MAC97972 = 0x0000000e,
        MAC97973 = 0x0000000f,
        MAC97974 = 0x00000010,
        MAC97975 = 0x00000011,
        ZPK = 0x00000012,
        PVKIBM = 0x00000013,
        PVKPVV = 0x00000014,
        PVKOTH = 0x00000015,
        DUKPT = 0x00000016,
        IV = 0x00000017,
        TRKBK = 0x00000018,
    }
    /// Section 9.1.3.2.18.
    State {
        PreActive = 0x00000001,
        Active = 0x00000002,
        Deactivated = 0x00000003,
        Compromised = 0x00000004,
        Destroyed = 0x00000005,
        DestroyedCompromised = 0x00000006,
    }
    /// Section 9.1.3.2.19.
    RevocationReasonCode {
        Unspecified = 0x00000001,
        KeyCompromise = 0x00000002,
        CACompromise = 0x00000003,
        AffiliationChanged = 0x00000004,
        Superseded = 0x00000005,
        CessationOfOperation = 0x00000006,
        PrivilegeWithdrawn = 0x00000007,
    }
    /// Section 9.1.3.2.20.
    LinkType {
        CertificateLink = 0x00000101,
        PublicKeyLink = 0x00000102,
        PrivateKeyLink = 0x00000103,
        DerivationBaseObjectLink = 0x00000104,
        DerivedKeyLink = 0x00000105,
        ReplacementObjectLink = 0x00000106,
        ReplacedObjectLink = 0x00000107,
        ParentLink = 0x00000108,
        ChildLink = 0x00000109,
        PreviousLink = 0x0000010a,
        NextLink = 0x0000010b,
        PKCS_12CertificateLink = 0x0000010c,
        PKCS_12PasswordLink = 0x0000010d,
    }
    /// Section 9.1.3.2.21.
    DerivationMethod {
        PBKDF2 = 0x00000001,
        HASH = 0x00000002,
        HMAC = 0x00000003,
        ENCRYPT = 0x00000004,
        NIST800_108C = 0x00000005,
        NIST800_108F = 0x00000006,
        NIST800_108DPI = 0x00000007,
        AsymmetricKey = 0x00000008,
    }
    /// Section 9.1.3.2.22.
    CertificateRequestType {
        CRMF = 0x00000001,
        PKCS_10 = 0x00000002,
        PEM = 0x00000003,
        PGP = 0x00000004,
    }
    /// Section 9.1.3.2.23.
    ValidityIndicator {
        Valid = 0x00000001,
        Invalid = 0x00000002,
        Unknown = 0x00000003,
    }
    /// Section 9.1.3.2.24.
    QueryFunction {
        QueryOperations = 0x00000001,
        QueryObjects = 0x00000002,
        QueryServerInformation = 0x00000003,
        QueryApplicationNamespaces = 0x00000004,
        QueryExtensionList = 0x00000005,
        QueryExtensionMap = 0x00000006,
        QueryAttestationTypes = 0x00000007,
        QueryRNGs = 0x00000008,
        QueryValidations = 0x00000009,
        QueryProfiles = 0x0000000a,
        QueryCapabilities = 0x0000000b,
        QueryClientRegistrationMethods = 0x0000000c,
    }
    /// Section 9.1.3.2.25.
    CancellationResult {
        Canceled = 0x00000001,
        UnableToCancel = 0x00000002,
        Completed = 0x00000003,
        Failed = 0x00000004,
        Unavailable = 0x00000005,
    }
    /// Section 9.1.3.2.26.
    PutFunction {
        New = 0x00000001,
        Replace = 0x00000002,
    }
    /// Section 9.1.3.2.27.
    Operation {
        Create = 0x00000001,
        CreateKeyPair = 0x00000002,
        Register = 0x00000003,
        ReKey = 0x00000004,
        DeriveKey = 0x00000005,
        Certify = 0x00000006,
        ReCertify = 0x00000007,
        Locate = 0x00000008,
        Check = 0x00000009,
        Get = 0x0000000a,
        GetAttributes = 0x0000000b,
        GetAttributeList = 0x0000000c,
        AddAttribute = 0x0000000d,
        ModifyAttribute = 0x0000000e,
        DeleteAttribute = 0x0000000f,
        ObtainLease = 0x00000010,
        GetUsageAllocation = 0x00000011,
        Activate = 0x00000012,
        Revoke = 0x00000013,
        Destroy = 0x00000014,
        Archive = 0x00000015,
        Recover = 0x00000016,
        Validate = 0x00000017,
        Query = 0x00000018,
        Cancel = 0x00000019,
        Poll = 0x0000001a,
        Notify = 0x0000001b,
        Put = 0x0000001c,
        ReKeyKeyPair = 0x0000001d,
        DiscoverVersions = 0x0000001e,
        Encrypt = 0x0000001f,
        Decrypt = 0x00000020,
        Sign = 0x00000021,
        SignatureVerify = 0x00000022,
        MAC = 0x00000023,
        MACVerify = 0x00000024,
        RNGRetrieve = 0x00000025,
        RNGSeed = 0x00000026,
        Hash = 0x00000027,
        CreateSplitKey = 0x00000028,
        JoinSplitKey = 0x00000029,
        Import = 0x0000002a,
        Export = 0x0000002b,
    }
    /// Section 9.1.3.2.28.
    ResultStatus {
        Success = 0x00000000,
        OperationFailed = 0x00000001,
        OperationPending = 0x00000002,
        OperationUndone = 0x00000003,
    }
    /// Section 9.1.3.2.29.
    ResultReason {
        ItemNotFound = 0x00000001,
        ResponseTooLarge = 0x00000002,
        AuthenticationNotSuccessful = 0x00000003,
        InvalidMessage = 0x00000004,
        OperationNotSupported = 0x00000005,
        MissingData = 0x00000006,
        InvalidField = 0x00000007,
        FeatureNotSupported = 0x00000008,
        OperationCanceledByRequester = 0x00000009,
        CryptographicFailure = 0x0000000a,
        IllegalOperation = 0x0000000b,
        PermissionDenied = 0x0000000c,
        ObjectArchived = 0x0000000d,
        IndexOutOfBounds = 0x0000000e,
        ApplicationNamespaceNotSupported = 0x0000000f,
        KeyFormatTypeNotSupported = 0x00000010,
        KeyCompressionTypeNotSupported = 0x00000011,
        EncodingOptionError = 0x00000012,
        KeyValueNotPresent = 0x00000013,
        AttestationRequired = 0x00000014,
        AttestationFailed = 0x00000015,
        Sensitive = 0x00000016,
        NotExtractable = 0x00000017,
        ObjectAlreadyExists = 0x00000018,
        GeneralFailure = 0x00000100,
    }
    /// Section 9.1.3.2.30.
    BatchErrorContinuationOption {
        Continue = 0x00000001,
        Stop = 0x00000002,
        Undo = 0x00000003,
    }
    /// Section 9.1.3.2.31.
    UsageLimitsUnit {
        Byte = 0x00000001,
        Object = 0x00000002,
    }
    /// Section 9.1.3.2.32.
    EncodingOption {
        NoEncoding = 0x00000001,
        TTLVEncoding = 0x00000002,
    }
    /// Section 9.1.3.2.33.
    ObjectGroupMember {
        GroupMemberFresh = 0x00000001,
        GroupMemberDefault = 0x00000002,
    }
    /// Section 9.1.3.2.34.
    AlternativeNameType {
        UninterpretedTextString = 0x00000001,
        URI = 0x00000002,
        ObjectSerialNumber = 0x00000003,
        EmailAddress = 0x00000004,
        DNSName = 0x00000005,
        X_500DistinguishedName = 0x00000006,
        IPAddress = 0x00000007,
    }
    /// Section 9.1.3.2.35.
    KeyValueLocationType {
        UninterpretedTextString = 0x00000001,
        URI = 0x00000002,
    }
    /// Section 9.1.3.2.36.
    AttestationType {
        TPMQuote = 0x00000001,
        TCGIntegrityReport = 0x00000002,
        SAMLAssertion = 0x00000003,
    }
    /// Section 9.1.3.2.37.
    RNGAlgorithm {
        Unspecified = 0x00000001,
        FIPS186_2 = 0x00000002,
        DRBG = 0x00000003,
        NRBG = 0x00000004,
        ANSIX9_31 = 0x00000005,
        ANSIX9_62 = 0x00000006,
    }
    /// Section 9.1.3.2.38.
    DRBGAlgorithm {
        Unspecified = 0x00000001,
        DualEC = 0x00000002,
        Hash = 0x00000003,
        HMAC = 0x00000004,
        CTR = 0x00000005,
    }
    /// Section 9.1.3.2.39.
    FIPS186Variation {
        Unspecified = 0x00000001,
        GPXOriginal = 0x00000002,
        GPXChangeNotice = 0x00000003,
        XOriginal = 0x00000004,
        XChangeNotice = 0x00000005,
        KOriginal = 0x00000006,
        KChangeNotice = 0x00000007,
    }
    /// Section 9.1.3.2.40.
    ValidationAuthorityType {
        Unspecified = 0x00000001,
        NISTCMVP = 0x00000002,
        CommonCriteria = 0x00000003,
    }
    /// Section 9.1.3.2.41.
    ValidationType {
        Unspecified = 0x00000001,
        Hardware = 0x00000002,
        Software = 0x00000003,
        Firmware = 0x00000004,
        Hybrid = 0x00000005,
    }
    /// Section 9.1.3.2.42.
    ProfileName {
        BaselineServerBasicKMIPV1_2 = 0x00000001,
        BaselineServerTLSV1_2KMIPV1_2 = 0x00000002,
        BaselineClientBasicKMIPV1_2 = 0x00000003,
        BaselineClientTLSV1_2KMIPV1_2 = 0x00000004,
        CompleteServerBasicKMIPV1_2 = 0x00000005,
        CompleteServerTLSV1_2KMIPV1_2 = 0x00000006,
        TapeLibraryClientKMIPV1_0 = 0x00000007,
        TapeLibraryClientKMIPV1_1 = 0x00000008,
        TapeLibraryClientKMIPV1_2 = 0x00000009,
        TapeLibraryServerKMIPV1_0 = 0x0000000a,
        TapeLibraryServerKMIPV1_1 = 0x0000000b,
        TapeLibraryServerKMIPV1_2 = 0x0000000c,
        SymmetricKeyLifecycleClientKMIPV1_0 = 0x0000000d,
        SymmetricKeyLifecycleClientKMIPV1_1 = 0x0000000e,
        SymmetricKeyLifecycleClientKMIPV1_2 = 0x0000000f,
        SymmetricKeyLifecycleServerKMIPV1_0 = 0x00000010,
        SymmetricKeyLifecycleServerKMIPV1_1 = 0x00000011,
        SymmetricKeyLifecycleServerKMIPV1_2 = 0x00000012,
        AsymmetricKeyLifecycleClientKMIPV1_0 = 0x00000013,
        AsymmetricKeyLifecycleClientKMIPV1_1 = 0x00000014,
        AsymmetricKeyLifecycleClientKMIPV1_2 = 0x00000015,
        AsymmetricKeyLifecycleServerKMIPV1_0 = 0x00000016,
        AsymmetricKeyLifecycleServerKMIPV1_1 = 0x00000017,
        AsymmetricKeyLifecycleServerKMIPV1_2 = 0x00000018,
        BasicCryptographicClientKMIPV1_2 = 0x00000019,
        BasicCryptographicServerKMIPV1_2 = 0x0000001a,
        AdvancedCryptographicClientKMIPV1_2 = 0x0000001b,
        AdvancedCryptographicServerKMIPV1_2 = 0x0000001c,
        RNGCryptographicClientKMIPV1_2 = 0x0000001d,
        RNGCryptographicServerKMIPV1_2 = 0x0000001e,
        BasicSymmetricKeyFoundryClientKMIPV1_0 = 0x0000001f,
        IntermediateSymmetricKeyFoundryClientKMIPV1_0 = 0x00000020,
        AdvancedSymmetricKeyFoundryClientKMIPV1_0 = 0x00000021,
        BasicSymmetricKeyFoundryClientKMIPV1_1 = 0x00000022,
        IntermediateSymmetricKeyFoundryClientKMIPV1_1 = 0x00000023,
        AdvancedSymmetricKeyFoundryClientKMIPV1_1 = 0x00000024,
        BasicSymmetricKeyFoundryClientKMIPV1_2 = 0x00000025,
        IntermediateSymmetricKeyFoundryClientKMIPV1_2 = 0x00000026,
        AdvancedSymmetricKeyFoundryClientKMIPV1_2 = 0x00000027,
        SymmetricKeyFoundryServerKMIPV1_0 = 0x00000028,
        SymmetricKeyFoundryServerKMIPV1_1 = 0x00000029,
        SymmetricKeyFoundryServerKMIPV1_2 = 0x0000002a,
        OpaqueManagedObjectStoreClientKMIPV1_0 = 0x0000002b,
        OpaqueManagedObjectStoreClientKMIPV1_1 = 0x0000002c,
        OpaqueManagedObjectStoreClientKMIPV1_2 = 0x0000002d,
        OpaqueManagedObjectStoreServerKMIPV1_0 = 0x0000002e,
        OpaqueManagedObjectStoreServerKMIPV1_1 = 0x0000002f,
        OpaqueManagedObjectStoreServerKMIPV1_2 = 0x00000030,
        SuiteBMinLOS_128ClientKMIPV1_0 = 0x00000031,
        SuiteBMinLOS_128ClientKMIPV1_1 = 0x00000032,
        SuiteBMinLOS_128ClientKMIPV1_2 = 0x00000033,
        SuiteBMinLOS_128ServerKMIPV1_0 = 0x00000034,
        SuiteBMinLOS_128ServerKMIPV1_1 = 0x00000035,
        SuiteBMinLOS_128ServerKMIPV1_2 = 0x00000036,
        SuiteBMinLOS_192ClientKMIPV1_0 = 0x00000037,
        SuiteBMinLOS_192ClientKMIPV1_1 = 0x00000038,
        SuiteBMinLOS_192ClientKMIPV1_2 = 0x00000039,
        SuiteBMinLOS_192ServerKMIPV1_0 = 0x0000003a,
        SuiteBMinLOS_192ServerKMIPV1_1 = 0x0000003b,
        SuiteBMinLOS_192ServerKMIPV1_2 = 0x0000003c,
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_0 = 0x0000003d,
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_1 = 0x0000003e,
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_2 = 0x0000003f,
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_0 = 0x00000040,
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_1 = 0x00000041,
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_2 = 0x00000042,
        HTTPSClientKMIPV1_0 = 0x00000043,
        HTTPSClientKMIPV1_1 = 0x00000044,
        HTTPSClientKMIPV1_2 = 0x00000045,
        HTTPSServerKMIPV1_0 = 0x00000046,
        HTTPSServerKMIPV1_1 = 0x00000047,
        HTTPSServerKMIPV1_2 = 0x00000048,
        JSONClientKMIPV1_0 = 0x00000049,
        JSONClientKMIPV1_1 = 0x0000004a,
        JSONClientKMIPV1_2 = 0x0000004b,
        JSONServerKMIPV1_0 = 0x0000004c,
        JSONServerKMIPV1_1 = 0x0000004d,
        JSONServerKMIPV1_2 = 0x0000004e,
        XMLClientKMIPV1_0 = 0x0000004f,
        XMLClientKMIPV1_1 = 0x00000050,
        XMLClientKMIPV1_2 = 0x00000051,
        XMLServerKMIPV1_0 = 0x00000052,
        XMLServerKMIPV1_1 = 0x00000053,
        XMLServerKMIPV1_2 = 0x00000054,
        BaselineServerBasicKMIPV1_3 = 0x00000055,
        BaselineServerTLSV1_2KMIPV1_3 = 0x00000056,
        BaselineClientBasicKMIPV1_3 = 0x00000057,
        BaselineClientTLSV1_2KMIPV1_3 = 0x00000058,
        CompleteServerBasicKMIPV1_3 = 0x00000059,
        CompleteServerTLSV1_2KMIPV1_3 = 0x0000005a,
        TapeLibraryClientKMIPV1_3 = 0x0000005b,
        TapeLibraryServerKMIPV1_3 = 0x0000005c,
        SymmetricKeyLifecycleClientKMIPV1_3 = 0x0000005d,
        SymmetricKeyLifecycleServerKMIPV1_3 = 0x0000005e,
        AsymmetricKeyLifecycleClientKMIPV1_3 = 0x0000005f,
        AsymmetricKeyLifecycleServerKMIPV1_3 = 0x00000060,
        BasicCryptographicClientKMIPV1_3 = 0x00000061,
        BasicCryptographicServerKMIPV1_3 = 0x00000062,
        AdvancedCryptographicClientKMIPV1_3 = 0x00000063,
        AdvancedCryptographicServerKMIPV1_3 = 0x00000064,
        RNGCryptographicClientKMIPV1_3 = 0x00000065,
        RNGCryptographicServerKMIPV1_3 = 0x00000066,
        BasicSymmetricKeyFoundryClientKMIPV1_3 = 0x00000067,
        IntermediateSymmetricKeyFoundryClientKMIPV1_3 = 0x00000068,
        AdvancedSymmetricKeyFoundryClientKMIPV1_3 = 0x00000069,
        SymmetricKeyFoundryServerKMIPV1_3 = 0x0000006a,
        OpaqueManagedObjectStoreClientKMIPV1_3 = 0x0000006b,
        OpaqueManagedObjectStoreServerKMIPV1_3 = 0x0000006c,
        SuiteBMinLOS_128ClientKMIPV1_3 = 0x0000006d,
        SuiteBMinLOS_128ServerKMIPV1_3 = 0x0000006e,
        SuiteBMinLOS_192ClientKMIPV1_3 = 0x0000006f,
        SuiteBMinLOS_192ServerKMIPV1_3 = 0x00000070,
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_3 = 0x00000071,
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_3 = 0x00000072,
        HTTPSClientKMIPV1_3 = 0x00000073,
        HTTPSServerKMIPV1_3 = 0x00000074,
        JSONClientKMIPV1_3 = 0x00000075,
        JSONServerKMIPV1_3 = 0x00000076,
        XMLClientKMIPV1_3 = 0x00000077,
        XMLServerKMIPV1_3 = 0x00000078,
        BaselineServerBasicKMIPV1_4 = 0x00000079,
        BaselineServerTLSV1_2KMIPV1_4 = 0x0000007a,
        BaselineClientBasicKMIPV1_4 = 0x0000007b,
        BaselineClientTLSV1_2KMIPV1_4 = 0x0000007c,
        CompleteServerBasicKMIPV1_4 = 0x0000007d,
        CompleteServerTLSV1_2KMIPV1_4 = 0x0000007e,
        TapeLibraryClientKMIPV1_4 = 0x0000007f,
        TapeLibraryServerKMIPV1_4 = 0x00000080,
        SymmetricKeyLifecycleClientKMIPV1_4 = 0x00000081,
        SymmetricKeyLifecycleServerKMIPV1_4 = 0x00000082,
        AsymmetricKeyLifecycleClientKMIPV1_4 = 0x00000083,
        AsymmetricKeyLifecycleServerKMIPV1_4 = 0x00000084,
        BasicCryptographicClientKMIPV1_4 = 0x00000085,
        BasicCryptographicServerKMIPV1_4 = 0x00000086,
        AdvancedCryptographicClientKMIPV1_4 = 0x00000087,
        AdvancedCryptographicServerKMIPV1_4 = 0x00000088,
        RNGCryptographicClientKMIPV1_4 = 0x00000089,
        RNGCryptographicServerKMIPV1_4 = 0x0000008a,
        BasicSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008b,
        IntermediateSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008c,
        AdvancedSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008d,
        SymmetricKeyFoundryServerKMIPV1_4 = 0x0000008e,
        OpaqueManagedObjectStoreClientKMIPV1_4 = 0x0000008f,
        OpaqueManagedObjectStoreServerKMIPV1_4 = 0x00000090,
        SuiteBMinLOS_128ClientKMIPV1_4 = 0x00000091,
        SuiteBMinLOS_128ServerKMIPV1_4 = 0x00000092,
        SuiteBMinLOS_192ClientKMIPV1_4 = 0x00000093,
        SuiteBMinLOS_192ServerKMIPV1_4 = 0x00000094,
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_4 = 0x00000095,
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_4 = 0x00000096,
        HTTPSClientKMIPV1_4 = 0x00000097,
        HTTPSServerKMIPV1_4 = 0x00000098,
        JSONClientKMIPV1_4 = 0x00000099,
        JSONServerKMIPV1_4 = 0x0000009a,
        XMLClientKMIPV1_4 = 0x0000009b,
        XMLServerKMIPV1_4 = 0x0000009c,
    }
    /// Section 9.1.3.2.43.
    UnwrapMode {
        Unspecified = 0x00000001,
        Processed = 0x00000002,
        NotProcessed = 0x00000003,
    }
    /// Section 9.1.3.2.44.
    DestroyAction {
        Unspecified = 0x00000001,
        KeyMaterialDeleted = 0x00000002,
        KeyMaterialShredded = 0x00000003,
        MetaDataDeleted = 0x00000004,
        MetaDataShredded = 0x00000005,
        Deleted = 0x00000006,
        Shredded = 0x00000007,
    }
    /// Section 9.1.3.2.45.
    ShreddingAlgorithm {
        Unspecified = 0x00000001,
        Cryptographic = 0x00000002,
        Unsupported = 0x00000003,
    }
    /// Section 9.1.3.2.46.
    RNGMode {
        Unspecified = 0x00000001,
        SharedInstantiation = 0x00000002,
        NonSharedInstantiation = 0x00000003,
    }
    /// Section 9.1.3.2.47.
    ClientRegistrationMethod {
        Unspecified = 0x00000001,
        ServerPreGenerated = 0x00000002,
        ServerOnDemand = 0x00000003,
        ClientGenerated = 0x00000004,
        ClientRegistered = 0x00000005,
    }
    /// Section 9.1.3.2.48.
    KeyWrapType {
        NotWrapped = 0x00000001,
        AsRegistered = 0x00000002,
    }
    /// Section 9.1.3.2.49.
    MaskGenerator {
        MGF1 = 0x00000001,
    }
}

masks! {
    /// Section 9.1.3.3.1.
    CryptographicUsageMask {
        Sign = 0x00000001,
        Verify = 0x00000002,
        Encrypt = 0x00000004,
        Decrypt = 0x00000008,
        WrapKey = 0x00000010,
        UnwrapKey = 0x00000020,
        Export = 0x00000040,
        MACGenerate = 0x00000080,
        MACVerify = 0x00000100,
        DeriveKey = 0x00000200,
        ContentCommitmentNonRepudiation = 0x00000400,
        KeyAgreement = 0x00000800,
        CertificateSign = 0x00001000,
        CRLSign = 0x00002000,
        GenerateCryptogram = 0x00004000,
        ValidateCryptogram = 0x00008000,
        TranslateEncrypt = 0x00010000,
        TranslateDecrypt = 0x00020000,
        TranslateWrap = 0x00040000,
        TranslateUnwrap = 0x00080000,
    }
    /// Section 9.1.3.3.2.
    StorageStatusMask {
        OnLineStorage = 0x00000001,
        ArchivalStorage = 0x00000002,
    }
}
