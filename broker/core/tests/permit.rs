//! What must not compile: permits forged, copied, bent or spent twice; secrets copied, printed or compared.

#[test]
fn permits_and_secrets_cannot_be_misused() {
    trybuild::TestCases::new().compile_fail("tests/permit/*.rs");
}
