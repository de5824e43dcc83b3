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
        Structure = 0x01, "Structure";
        Integer = 0x02, "Integer";
        LongInteger = 0x03, "Long Integer";
        BigInteger = 0x04, "Big Integer";
        Enumeration = 0x05, "Enumeration";
        Boolean = 0x06, "Boolean";
        TextString = 0x07, "Text String";
        ByteString = 0x08, "Byte String";
        DateTime = 0x09, "Date-Time";
        Interval = 0x0a, "Interval";
    }
    /// Section 9.1.3.2.1.
    CredentialType {
        UsernameAndPassword = 0x00000001, "Username and Password";
        Device = 0x00000002, "Device";
        Attestation = 0x00000003, "Attestation";
    }
    /// Section 9.1.3.2.2.
    KeyCompressionType {
        ECPublicKeyTypeUncompressed = 0x00000001, "EC Public Key Type Uncompressed";
        ECPublicKeyTypeX9_62CompressedPrime = 0x00000002, "EC Public Key Type X9.62 Compressed Prime";
        ECPublicKeyTypeX9_62CompressedChar2 = 0x00000003, "EC Public Key Type X9.62 Compressed Char2";
        ECPublicKeyTypeX9_62Hybrid = 0x00000004, "EC Public Key Type X9.62 Hybrid";
    }
    /// Section 9.1.3.2.3.
    KeyFormatType {
        Raw = 0x00000001, "Raw";
        Opaque = 0x00000002, "Opaque";
        PKCS_1 = 0x00000003, "PKCS#1";
        PKCS_8 = 0x00000004, "PKCS#8";
        X_509 = 0x00000005, "X.509";
        ECPrivateKey = 0x00000006, "ECPrivateKey";
        TransparentSymmetricKey = 0x00000007, "Transparent Symmetric Key";
        TransparentDSAPrivateKey = 0x00000008, "Transparent DSA Private Key";
        TransparentDSAPublicKey = 0x00000009, "Transparent DSA Public Key";
        TransparentRSAPrivateKey = 0x0000000a, "Transparent RSA Private Key";
        TransparentRSAPublicKey = 0x0000000b, "Transparent RSA Public Key";
        TransparentDHPrivateKey = 0x0000000c, "Transparent DH Private Key";
        TransparentDHPublicKey = 0x0000000d, "Transparent DH Public Key";
        TransparentECDSAPrivateKey = 0x0000000e, "Transparent ECDSA Private Key";
        TransparentECDSAPublicKey = 0x0000000f, "Transparent ECDSA Public Key";
        TransparentECDHPrivateKey = 0x00000010, "Transparent ECDH Private Key";
        TransparentECDHPublicKey = 0x00000011, "Transparent ECDH Public Key";
        TransparentECMQVPrivateKey = 0x00000012, "Transparent ECMQV Private Key";
        TransparentECMQVPublicKey = 0x00000013, "Transparent ECMQV Public Key";
        TransparentECPrivateKey = 0x00000014, "Transparent EC Private Key";
        TransparentECPublicKey = 0x00000015, "Transparent EC Public Key";
        PKCS_12 = 0x00000016, "PKCS#12";
    }
    /// Section 9.1.3.2.4.
    WrappingMethod {
        Encrypt = 0x00000001, "Encrypt";
        MACSign = 0x00000002, "MAC/sign";
        EncryptThenMACSign = 0x00000003, "Encrypt then MAC/sign";
        MACSignThenEncrypt = 0x00000004, "MAC/sign then encrypt";
        TR_31 = 0x00000005, "TR-31";
    }
    /// Section 9.1.3.2.5.
    RecommendedCurve {
        P_192 = 0x00000001, "P-192";
        K_163 = 0x00000002, "K-163";
        B_163 = 0x00000003, "B-163";
        P_224 = 0x00000004, "P-224";
        K_233 = 0x00000005, "K-233";
        B_233 = 0x00000006, "B-233";
        P_256 = 0x00000007, "P-256";
        K_283 = 0x00000008, "K-283";
        B_283 = 0x00000009, "B-283";
        P_384 = 0x0000000a, "P-384";
        K_409 = 0x0000000b, "K-409";
        B_409 = 0x0000000c, "B-409";
        P_521 = 0x0000000d, "P-521";
        K_571 = 0x0000000e, "K-571";
        B_571 = 0x0000000f, "B-571";
        SECP112R1 = 0x00000010, "SECP112R1";
        SECP112R2 = 0x00000011, "SECP112R2";
        SECP128R1 = 0x00000012, "SECP128R1";
        SECP128R2 = 0x00000013, "SECP128R2";
        SECP160K1 = 0x00000014, "SECP160K1";
        SECP160R1 = 0x00000015, "SECP160R1";
        SECP160R2 = 0x00000016, "SECP160R2";
        SECP192K1 = 0x00000017, "SECP192K1";
        SECP224K1 = 0x00000018, "SECP224K1";
        SECP256K1 = 0x00000019, "SECP256K1";
        SECT113R1 = 0x0000001a, "SECT113R1";
        SECT113R2 = 0x0000001b, "SECT113R2";
        SECT131R1 = 0x0000001c, "SECT131R1";
        SECT131R2 = 0x0000001d, "SECT131R2";
        SECT163R1 = 0x0000001e, "SECT163R1";
        SECT193R1 = 0x0000001f, "SECT193R1";
        SECT193R2 = 0x00000020, "SECT193R2";
        SECT239K1 = 0x00000021, "SECT239K1";
        ANSIX9P192V2 = 0x00000022, "ANSIX9P192V2";
        ANSIX9P192V3 = 0x00000023, "ANSIX9P192V3";
        ANSIX9P239V1 = 0x00000024, "ANSIX9P239V1";
        ANSIX9P239V2 = 0x00000025, "ANSIX9P239V2";
        ANSIX9P239V3 = 0x00000026, "ANSIX9P239V3";
        ANSIX9C2PNB163V1 = 0x00000027, "ANSIX9C2PNB163V1";
        ANSIX9C2PNB163V2 = 0x00000028, "ANSIX9C2PNB163V2";
        ANSIX9C2PNB163V3 = 0x00000029, "ANSIX9C2PNB163V3";
        ANSIX9C2PNB176V1 = 0x0000002a, "ANSIX9C2PNB176V1";
        ANSIX9C2TNB191V1 = 0x0000002b, "ANSIX9C2TNB191V1";
        ANSIX9C2TNB191V2 = 0x0000002c, "ANSIX9C2TNB191V2";
        ANSIX9C2TNB191V3 = 0x0000002d, "ANSIX9C2TNB191V3";
        ANSIX9C2PNB208W1 = 0x0000002e, "ANSIX9C2PNB208W1";
        ANSIX9C2TNB239V1 = 0x0000002f, "ANSIX9C2TNB239V1";
        ANSIX9C2TNB239V2 = 0x00000030, "ANSIX9C2TNB239V2";
        ANSIX9C2TNB239V3 = 0x00000031, "ANSIX9C2TNB239V3";
        ANSIX9C2PNB272W1 = 0x00000032, "ANSIX9C2PNB272W1";
        ANSIX9C2PNB304W1 = 0x00000033, "ANSIX9C2PNB304W1";
        ANSIX9C2TNB359V1 = 0x00000034, "ANSIX9C2TNB359V1";
        ANSIX9C2PNB368W1 = 0x00000035, "ANSIX9C2PNB368W1";
        ANSIX9C2TNB431R1 = 0x00000036, "ANSIX9C2TNB431R1";
        BRAINPOOLP160R1 = 0x00000037, "BRAINPOOLP160R1";
        BRAINPOOLP160T1 = 0x00000038, "BRAINPOOLP160T1";
        BRAINPOOLP192R1 = 0x00000039, "BRAINPOOLP192R1";
        BRAINPOOLP192T1 = 0x0000003a, "BRAINPOOLP192T1";
        BRAINPOOLP224R1 = 0x0000003b, "BRAINPOOLP224R1";
        BRAINPOOLP224T1 = 0x0000003c, "BRAINPOOLP224T1";
        BRAINPOOLP256R1 = 0x0000003d, "BRAINPOOLP256R1";
        BRAINPOOLP256T1 = 0x0000003e, "BRAINPOOLP256T1";
        BRAINPOOLP320R1 = 0x0000003f, "BRAINPOOLP320R1";
        BRAINPOOLP320T1 = 0x00000040, "BRAINPOOLP320T1";
        BRAINPOOLP384R1 = 0x00000041, "BRAINPOOLP384R1";
        BRAINPOOLP384T1 = 0x00000042, "BRAINPOOLP384T1";
        BRAINPOOLP512R1 = 0x00000043, "BRAINPOOLP512R1";
        BRAINPOOLP512T1 = 0x00000044, "BRAINPOOLP512T1";
    }
    /// Section 9.1.3.2.6.
    CertificateType {
        X_509 = 0x00000001, "X.509";
        PGP = 0x00000002, "PGP";
    }
    /// Section 9.1.3.2.7.
    DigitalSignatureAlgorithm {
        MD2WithRSAEncryptionPKCS_1V1_5 = 0x00000001, "MD2 with RSA Encryption (PKCS#1 v1.5)";
        MD5WithRSAEncryptionPKCS_1V1_5 = 0x00000002, "MD5 with RSA Encryption (PKCS#1 v1.5)";
        SHA_1WithRSAEncryptionPKCS_1V1_5 = 0x00000003, "SHA-1 with RSA Encryption (PKCS#1 v1.5)";
        SHA_224WithRSAEncryptionPKCS_1V1_5 = 0x00000004, "SHA-224 with RSA Encryption (PKCS#1 v1.5)";
        SHA_256WithRSAEncryptionPKCS_1V1_5 = 0x00000005, "SHA-256 with RSA Encryption (PKCS#1 v1.5)";
        SHA_384WithRSAEncryptionPKCS_1V1_5 = 0x00000006, "SHA-384 with RSA Encryption (PKCS#1 v1.5)";
        SHA_512WithRSAEncryptionPKCS_1V1_5 = 0x00000007, "SHA-512 with RSA Encryption (PKCS#1 v1.5)";
        RSASSAPSSPKCS_1V2_1 = 0x00000008, "RSASSA-PSS (PKCS#1 v2.1)";
        DSAWithSHA_1 = 0x00000009, "DSA with SHA-1";
        DSAWithSHA224 = 0x0000000a, "DSA with SHA224";
        DSAWithSHA256 = 0x0000000b, "DSA with SHA256";
        ECDSAWithSHA_1 = 0x0000000c, "ECDSA with SHA-1";
        ECDSAWithSHA224 = 0x0000000d, "ECDSA with SHA224";
        ECDSAWithSHA256 = 0x0000000e, "ECDSA with SHA256";
        ECDSAWithSHA384 = 0x0000000f, "ECDSA with SHA384";
        ECDSAWithSHA512 = 0x00000010, "ECDSA with SHA512";
        SHA3_256WithRSAEncryption = 0x00000011, "SHA3-256 with RSA Encryption";
        SHA3_384WithRSAEncryption = 0x00000012, "SHA3-384 with RSA Encryption";
        SHA3_512WithRSAEncryption = 0x00000013, "SHA3-512 with RSA Encryption";
    }
    /// Section 9.1.3.2.8.
    SplitKeyMethod {
        XOR = 0x00000001, "XOR";
        PolynomialSharingGF216 = 0x00000002, "Polynomial Sharing GF (216)";
        PolynomialSharingPrimeField = 0x00000003, "Polynomial Sharing Prime Field";
        PolynomialSharingGF28 = 0x00000004, "Polynomial Sharing GF (28)";
    }
    /// Section 9.1.3.2.9.
    SecretDataType {
        Password = 0x00000001, "Password";
        Seed = 0x00000002, "Seed";
    }
    /// Section 9.1.3.2.11.
    NameType {
        UninterpretedTextString = 0x00000001, "Uninterpreted Text String";
        URI = 0x00000002, "URI";
    }
    /// Section 9.1.3.2.12.
    ObjectType {
        Certificate = 0x00000001, "Certificate";
        SymmetricKey = 0x00000002, "Symmetric Key";
        PublicKey = 0x00000003, "Public Key";
        PrivateKey = 0x00000004, "Private Key";
        SplitKey = 0x00000005, "Split Key";
        Template = 0x00000006, "Template";
        SecretData = 0x00000007, "Secret Data";
        OpaqueObject = 0x00000008, "Opaque Object";
        PGPKey = 0x00000009, "PGP Key";
    }
    /// Section 9.1.3.2.13.
    CryptographicAlgorithm {
        DES = 0x00000001, "DES";
        DES3 = 0x00000002, "3DES";
        AES = 0x00000003, "AES";
        RSA = 0x00000004, "RSA";
        DSA = 0x00000005, "DSA";
        ECDSA = 0x00000006, "ECDSA";
        HMACSHA1 = 0x00000007, "HMAC-SHA1";
        HMACSHA224 = 0x00000008, "HMAC-SHA224";
        HMACSHA256 = 0x00000009, "HMAC-SHA256";
        HMACSHA384 = 0x0000000a, "HMAC-SHA384";
        HMACSHA512 = 0x0000000b, "HMAC-SHA512";
        HMACMD5 = 0x0000000c, "HMAC-MD5";
        DH = 0x0000000d, "DH";
        ECDH = 0x0000000e, "ECDH";
        ECMQV = 0x0000000f, "ECMQV";
        Blowfish = 0x00000010, "Blowfish";
        Camellia = 0x00000011, "Camellia";
        CAST5 = 0x00000012, "CAST5";
        IDEA = 0x00000013, "IDEA";
        MARS = 0x00000014, "MARS";
        RC2 = 0x00000015, "RC2";
        RC4 = 0x00000016, "RC4";
        RC5 = 0x00000017, "RC5";
        SKIPJACK = 0x00000018, "SKIPJACK";
        Twofish = 0x00000019, "Twofish";
        EC = 0x0000001a, "EC";
        OneTimePad = 0x0000001b, "One Time Pad";
        ChaCha20 = 0x0000001c, "ChaCha20";
        Poly1305 = 0x0000001d, "Poly1305";
        ChaCha20Poly1305 = 0x0000001e, "ChaCha20Poly1305";
        SHA3_224 = 0x0000001f, "SHA3-224";
        SHA3_256 = 0x00000020, "SHA3-256";
        SHA3_384 = 0x00000021, "SHA3-384";
        SHA3_512 = 0x00000022, "SHA3-512";
        HMACSHA3_224 = 0x00000023, "HMAC-SHA3-224";
        HMACSHA3_256 = 0x00000024, "HMAC-SHA3-256";
        HMACSHA3_384 = 0x00000025, "HMAC-SHA3-384";
        HMACSHA3_512 = 0x00000026, "HMAC-SHA3-512";
        SHAKE_128 = 0x00000027, "SHAKE-128";
        SHAKE_256 = 0x00000028, "SHAKE-256";
    }
    /// Section 9.1.3.2.14.
    BlockCipherMode {
        CBC = 0x00000001, "CBC";
        ECB = 0x00000002, "ECB";
        PCBC = 0x00000003, "PCBC";
        CFB = 0x00000004, "CFB";
        OFB = 0x00000005, "OFB";
        CTR = 0x00000006, "CTR";
        CMAC = 0x00000007, "CMAC";
        CCM = 0x00000008, "CCM";
        GCM = 0x00000009, "GCM";
        CBCMAC = 0x0000000a, "CBC-MAC";
        XTS = 0x0000000b, "XTS";
        AESKeyWrapPadding = 0x0000000c, "AESKeyWrapPadding";
        NISTKeyWrap = 0x0000000d, "NISTKeyWrap";
        X9_102AESKW = 0x0000000e, "X9.102 AESKW";
        X9_102TDKW = 0x0000000f, "X9.102 TDKW";
        X9_102AKW1 = 0x00000010, "X9.102 AKW1";
        X9_102AKW2 = 0x00000011, "X9.102 AKW2";
        AEAD = 0x00000012, "AEAD";
    }
    /// Section 9.1.3.2.15.
    PaddingMethod {
        None = 0x00000001, "None";
        OAEP = 0x00000002, "OAEP";
        PKCS5 = 0x00000003, "PKCS5";
        SSL3 = 0x00000004, "SSL3";
        Zeros = 0x00000005, "Zeros";
        ANSIX9_23 = 0x00000006, "ANSI X9.23";
        ISO10126 = 0x00000007, "ISO 10126";
        PKCS1V1_5 = 0x00000008, "PKCS1 v1.5";
        X9_31 = 0x00000009, "X9.31";
        PSS = 0x0000000a, "PSS";
    }
    /// Section 9.1.3.2.16.
    HashingAlgorithm {
        MD2 = 0x00000001, "MD2";
        MD4 = 0x00000002, "MD4";
        MD5 = 0x00000003, "MD5";
        SHA_1 = 0x00000004, "SHA-1";
        SHA_224 = 0x00000005, "SHA-224";
        SHA_256 = 0x00000006, "SHA-256";
        SHA_384 = 0x00000007, "SHA-384";
        SHA_512 = 0x00000008, "SHA-512";
        RIPEMD_160 = 0x00000009, "RIPEMD-160";
        Tiger = 0x0000000a, "Tiger";
        Whirlpool = 0x0000000b, "Whirlpool";
        SHA_512_224 = 0x0000000c, "SHA-512/224";
        SHA_512_256 = 0x0000000d, "SHA-512/256";
        SHA_3_224 = 0x0000000e, "SHA-3-224";
        SHA_3_256 = 0x0000000f, "SHA-3-256";
        SHA_3_384 = 0x00000010, "SHA-3-384";
        SHA_3_512 = 0x00000011, "SHA-3-512";
    }
    /// Section 9.1.3.2.17.
    KeyRoleType {
        BDK = 0x00000001, "BDK";
        CVK = 0x00000002, "CVK";
        DEK = 0x00000003, "DEK";
        MKAC = 0x00000004, "MKAC";
        MKSMC = 0x00000005, "MKSMC";
        MKSMI = 0x00000006, "MKSMI";
        MKDAC = 0x00000007, "MKDAC";
        MKDN = 0x00000008, "MKDN";
        MKCP = 0x00000009, "MKCP";
        MKOTH = 0x0000000a, "MKOTH";
        KEK = 0x0000000b, "KEK";
        MAC16609 = 0x0000000c, "MAC16609";
        MAC97971 = 0x0000000d, "MAC97971";
        MAC97972 = 0x0000000e, "MAC97972";
        MAC97973 = 0x0000000f, "MAC97973";
        MAC97974 = 0x00000010, "MAC97974";
        MAC97975 = 0x00000011, "MAC97975";
        ZPK = 0x00000012, "ZPK";
        PVKIBM = 0x00000013, "PVKIBM";
        PVKPVV = 0x00000014, "PVKPVV";
        PVKOTH = 0x00000015, "PVKOTH";
        DUKPT = 0x00000016, "DUKPT";
        IV = 0x00000017, "IV";
        TRKBK = 0x00000018, "TRKBK";
    }
    /// Section 9.1.3.2.18.
    State {
        PreActive = 0x00000001, "Pre-Active";
        Active = 0x00000002, "Active";
        Deactivated = 0x00000003, "Deactivated";
        Compromised = 0x00000004, "Compromised";
        Destroyed = 0x00000005, "Destroyed";
        DestroyedCompromised = 0x00000006, "Destroyed Compromised";
    }
    /// Section 9.1.3.2.19.
    RevocationReasonCode {
        Unspecified = 0x00000001, "Unspecified";
        KeyCompromise = 0x00000002, "Key Compromise";
        CACompromise = 0x00000003, "CA Compromise";
        AffiliationChanged = 0x00000004, "Affiliation Changed";
        Superseded = 0x00000005, "Superseded";
        CessationOfOperation = 0x00000006, "Cessation of Operation";
        PrivilegeWithdrawn = 0x00000007, "Privilege Withdrawn";
    }
    /// Section 9.1.3.2.20.
    LinkType {
        CertificateLink = 0x00000101, "Certificate Link";
        PublicKeyLink = 0x00000102, "Public Key Link";
        PrivateKeyLink = 0x00000103, "Private Key Link";
        DerivationBaseObjectLink = 0x00000104, "Derivation Base Object Link";
        DerivedKeyLink = 0x00000105, "Derived Key Link";
        ReplacementObjectLink = 0x00000106, "Replacement Object Link";
        ReplacedObjectLink = 0x00000107, "Replaced Object Link";
        ParentLink = 0x00000108, "Parent Link";
        ChildLink = 0x00000109, "Child Link";
        PreviousLink = 0x0000010a, "Previous Link";
        NextLink = 0x0000010b, "Next Link";
        PKCS_12CertificateLink = 0x0000010c, "PKCS#12 Certificate Link";
        PKCS_12PasswordLink = 0x0000010d, "PKCS#12 Password Link";
    }
    /// Section 9.1.3.2.21.
    DerivationMethod {
        PBKDF2 = 0x00000001, "PBKDF2";
        HASH = 0x00000002, "HASH";
        HMAC = 0x00000003, "HMAC";
        ENCRYPT = 0x00000004, "ENCRYPT";
        NIST800_108C = 0x00000005, "NIST800-108-C";
        NIST800_108F = 0x00000006, "NIST800-108-F";
        NIST800_108DPI = 0x00000007, "NIST800-108-DPI";
        AsymmetricKey = 0x00000008, "Asymmetric Key";
    }
    /// Section 9.1.3.2.22.
    CertificateRequestType {
        CRMF = 0x00000001, "CRMF";
        PKCS_10 = 0x00000002, "PKCS#10";
        PEM = 0x00000003, "PEM";
        PGP = 0x00000004, "PGP";
    }
    /// Section 9.1.3.2.23.
    ValidityIndicator {
        Valid = 0x00000001, "Valid";
        Invalid = 0x00000002, "Invalid";
        Unknown = 0x00000003, "Unknown";
    }
    /// Section 9.1.3.2.24.
    QueryFunction {
        QueryOperations = 0x00000001, "Query Operations";
        QueryObjects = 0x00000002, "Query Objects";
        QueryServerInformation = 0x00000003, "Query Server Information";
        QueryApplicationNamespaces = 0x00000004, "Query Application Namespaces";
        QueryExtensionList = 0x00000005, "Query Extension List";
        QueryExtensionMap = 0x00000006, "Query Extension Map";
        QueryAttestationTypes = 0x00000007, "Query Attestation Types";
        QueryRNGs = 0x00000008, "Query RNGs";
        QueryValidations = 0x00000009, "Query Validations";
        QueryProfiles = 0x0000000a, "Query Profiles";
        QueryCapabilities = 0x0000000b, "Query Capabilities";
        QueryClientRegistrationMethods = 0x0000000c, "Query Client Registration Methods";
    }
    /// Section 9.1.3.2.25.
    CancellationResult {
        Canceled = 0x00000001, "Canceled";
        UnableToCancel = 0x00000002, "Unable to Cancel";
        Completed = 0x00000003, "Completed";
        Failed = 0x00000004, "Failed";
        Unavailable = 0x00000005, "Unavailable";
    }
    /// Section 9.1.3.2.26.
    PutFunction {
        New = 0x00000001, "New";
        Replace = 0x00000002, "Replace";
    }
    /// Section 9.1.3.2.27.
    Operation {
        Create = 0x00000001, "Create";
        CreateKeyPair = 0x00000002, "Create Key Pair";
        Register = 0x00000003, "Register";
        ReKey = 0x00000004, "Re-key";
        DeriveKey = 0x00000005, "Derive Key";
        Certify = 0x00000006, "Certify";
        ReCertify = 0x00000007, "Re-certify";
        Locate = 0x00000008, "Locate";
        Check = 0x00000009, "Check";
        Get = 0x0000000a, "Get";
        GetAttributes = 0x0000000b, "Get Attributes";
        GetAttributeList = 0x0000000c, "Get Attribute List";
        AddAttribute = 0x0000000d, "Add Attribute";
        ModifyAttribute = 0x0000000e, "Modify Attribute";
        DeleteAttribute = 0x0000000f, "Delete Attribute";
        ObtainLease = 0x00000010, "Obtain Lease";
        GetUsageAllocation = 0x00000011, "Get Usage Allocation";
        Activate = 0x00000012, "Activate";
        Revoke = 0x00000013, "Revoke";
        Destroy = 0x00000014, "Destroy";
        Archive = 0x00000015, "Archive";
        Recover = 0x00000016, "Recover";
        Validate = 0x00000017, "Validate";
        Query = 0x00000018, "Query";
        Cancel = 0x00000019, "Cancel";
        Poll = 0x0000001a, "Poll";
        Notify = 0x0000001b, "Notify";
        Put = 0x0000001c, "Put";
        ReKeyKeyPair = 0x0000001d, "Re-key Key Pair";
        DiscoverVersions = 0x0000001e, "Discover Versions";
        Encrypt = 0x0000001f, "Encrypt";
        Decrypt = 0x00000020, "Decrypt";
        Sign = 0x00000021, "Sign";
        SignatureVerify = 0x00000022, "Signature Verify";
        MAC = 0x00000023, "MAC";
        MACVerify = 0x00000024, "MAC Verify";
        RNGRetrieve = 0x00000025, "RNG Retrieve";
        RNGSeed = 0x00000026, "RNG Seed";
        Hash = 0x00000027, "Hash";
        CreateSplitKey = 0x00000028, "Create Split Key";
        JoinSplitKey = 0x00000029, "Join Split Key";
        Import = 0x0000002a, "Import";
        Export = 0x0000002b, "Export";
    }
    /// Section 9.1.3.2.28.
    ResultStatus {
        Success = 0x00000000, "Success";
        OperationFailed = 0x00000001, "Operation Failed";
        OperationPending = 0x00000002, "Operation Pending";
        OperationUndone = 0x00000003, "Operation Undone";
    }
    /// Section 9.1.3.2.29.
    ResultReason {
        ItemNotFound = 0x00000001, "Item Not Found";
        ResponseTooLarge = 0x00000002, "Response Too Large";
        AuthenticationNotSuccessful = 0x00000003, "Authentication Not Successful";
        InvalidMessage = 0x00000004, "Invalid Message";
        OperationNotSupported = 0x00000005, "Operation Not Supported";
        MissingData = 0x00000006, "Missing Data";
        InvalidField = 0x00000007, "Invalid Field";
        FeatureNotSupported = 0x00000008, "Feature Not Supported";
        OperationCanceledByRequester = 0x00000009, "Operation Canceled By Requester";
        CryptographicFailure = 0x0000000a, "Cryptographic Failure";
        IllegalOperation = 0x0000000b, "Illegal Operation";
        PermissionDenied = 0x0000000c, "Permission Denied";
        ObjectArchived = 0x0000000d, "Object archived";
        IndexOutOfBounds = 0x0000000e, "Index Out of Bounds";
        ApplicationNamespaceNotSupported = 0x0000000f, "Application Namespace Not Supported";
        KeyFormatTypeNotSupported = 0x00000010, "Key Format Type Not Supported";
        KeyCompressionTypeNotSupported = 0x00000011, "Key Compression Type Not Supported";
        EncodingOptionError = 0x00000012, "Encoding Option Error";
        KeyValueNotPresent = 0x00000013, "Key Value Not Present";
        AttestationRequired = 0x00000014, "Attestation Required";
        AttestationFailed = 0x00000015, "Attestation Failed";
        Sensitive = 0x00000016, "Sensitive";
        NotExtractable = 0x00000017, "Not Extractable";
        ObjectAlreadyExists = 0x00000018, "Object Already Exists";
        GeneralFailure = 0x00000100, "General Failure";
    }
    /// Section 9.1.3.2.30.
    BatchErrorContinuationOption {
        Continue = 0x00000001, "Continue";
        Stop = 0x00000002, "Stop";
        Undo = 0x00000003, "Undo";
    }
    /// Section 9.1.3.2.31.
    UsageLimitsUnit {
        Byte = 0x00000001, "Byte";
        Object = 0x00000002, "Object";
    }
    /// Section 9.1.3.2.32.
    EncodingOption {
        NoEncoding = 0x00000001, "No Encoding";
        TTLVEncoding = 0x00000002, "TTLV Encoding";
    }
    /// Section 9.1.3.2.33.
    ObjectGroupMember {
        GroupMemberFresh = 0x00000001, "Group Member Fresh";
        GroupMemberDefault = 0x00000002, "Group Member Default";
    }
    /// Section 9.1.3.2.34.
    AlternativeNameType {
        UninterpretedTextString = 0x00000001, "Uninterpreted Text String";
        URI = 0x00000002, "URI";
        ObjectSerialNumber = 0x00000003, "Object Serial Number";
        EmailAddress = 0x00000004, "Email Address";
        DNSName = 0x00000005, "DNS Name";
        X_500DistinguishedName = 0x00000006, "X.500 Distinguished Name";
        IPAddress = 0x00000007, "IP Address";
    }
    /// Section 9.1.3.2.35.
    KeyValueLocationType {
        UninterpretedTextString = 0x00000001, "Uninterpreted Text String";
        URI = 0x00000002, "URI";
    }
    /// Section 9.1.3.2.36.
    AttestationType {
        TPMQuote = 0x00000001, "TPM Quote";
        TCGIntegrityReport = 0x00000002, "TCG Integrity Report";
        SAMLAssertion = 0x00000003, "SAML Assertion";
    }
    /// Section 9.1.3.2.37.
    RNGAlgorithm {
        Unspecified = 0x00000001, "Unspecified";
        FIPS186_2 = 0x00000002, "FIPS 186-2";
        DRBG = 0x00000003, "DRBG";
        NRBG = 0x00000004, "NRBG";
        ANSIX9_31 = 0x00000005, "ANSI X9.31";
        ANSIX9_62 = 0x00000006, "ANSI X9.62";
    }
    /// Section 9.1.3.2.38.
    DRBGAlgorithm {
        Unspecified = 0x00000001, "Unspecified";
        DualEC = 0x00000002, "Dual-EC";
        Hash = 0x00000003, "Hash";
        HMAC = 0x00000004, "HMAC";
        CTR = 0x00000005, "CTR";
    }
    /// Section 9.1.3.2.39.
    FIPS186Variation {
        Unspecified = 0x00000001, "Unspecified";
        GPXOriginal = 0x00000002, "GP x-Original";
        GPXChangeNotice = 0x00000003, "GP x-Change Notice";
        XOriginal = 0x00000004, "x-Original";
        XChangeNotice = 0x00000005, "x-Change Notice";
        KOriginal = 0x00000006, "k-Original";
        KChangeNotice = 0x00000007, "k-Change Notice";
    }
    /// Section 9.1.3.2.40.
    ValidationAuthorityType {
        Unspecified = 0x00000001, "Unspecified";
        NISTCMVP = 0x00000002, "NIST CMVP";
        CommonCriteria = 0x00000003, "Common Criteria";
    }
    /// Section 9.1.3.2.41.
    ValidationType {
        Unspecified = 0x00000001, "Unspecified";
        Hardware = 0x00000002, "Hardware";
        Software = 0x00000003, "Software";
        Firmware = 0x00000004, "Firmware";
        Hybrid = 0x00000005, "Hybrid";
    }
    /// Section 9.1.3.2.42.
    ProfileName {
        BaselineServerBasicKMIPV1_2 = 0x00000001, "Baseline Server Basic KMIP v1.2";
        BaselineServerTLSV1_2KMIPV1_2 = 0x00000002, "Baseline Server TLS v1.2 KMIP v1.2";
        BaselineClientBasicKMIPV1_2 = 0x00000003, "Baseline Client Basic KMIP v1.2";
        BaselineClientTLSV1_2KMIPV1_2 = 0x00000004, "Baseline Client TLS v1.2 KMIP v1.2";
        CompleteServerBasicKMIPV1_2 = 0x00000005, "Complete Server Basic KMIP v1.2";
        CompleteServerTLSV1_2KMIPV1_2 = 0x00000006, "Complete Server TLS v1.2 KMIP v1.2";
        TapeLibraryClientKMIPV1_0 = 0x00000007, "Tape Library Client KMIP v1.0";
        TapeLibraryClientKMIPV1_1 = 0x00000008, "Tape Library Client KMIP v1.1";
        TapeLibraryClientKMIPV1_2 = 0x00000009, "Tape Library Client KMIP v1.2";
        TapeLibraryServerKMIPV1_0 = 0x0000000a, "Tape Library Server KMIP v1.0";
        TapeLibraryServerKMIPV1_1 = 0x0000000b, "Tape Library Server KMIP v1.1";
        TapeLibraryServerKMIPV1_2 = 0x0000000c, "Tape Library Server KMIP v1.2";
        SymmetricKeyLifecycleClientKMIPV1_0 = 0x0000000d, "Symmetric Key Lifecycle Client KMIP v1.0";
        SymmetricKeyLifecycleClientKMIPV1_1 = 0x0000000e, "Symmetric Key Lifecycle Client KMIP v1.1";
        SymmetricKeyLifecycleClientKMIPV1_2 = 0x0000000f, "Symmetric Key Lifecycle Client KMIP v1.2";
        SymmetricKeyLifecycleServerKMIPV1_0 = 0x00000010, "Symmetric Key Lifecycle Server KMIP v1.0";
        SymmetricKeyLifecycleServerKMIPV1_1 = 0x00000011, "Symmetric Key Lifecycle Server KMIP v1.1";
        SymmetricKeyLifecycleServerKMIPV1_2 = 0x00000012, "Symmetric Key Lifecycle Server KMIP v1.2";
        AsymmetricKeyLifecycleClientKMIPV1_0 = 0x00000013, "Asymmetric Key Lifecycle Client KMIP v1.0";
        AsymmetricKeyLifecycleClientKMIPV1_1 = 0x00000014, "Asymmetric Key Lifecycle Client KMIP v1.1";
        AsymmetricKeyLifecycleClientKMIPV1_2 = 0x00000015, "Asymmetric Key Lifecycle Client KMIP v1.2";
        AsymmetricKeyLifecycleServerKMIPV1_0 = 0x00000016, "Asymmetric Key Lifecycle Server KMIP v1.0";
        AsymmetricKeyLifecycleServerKMIPV1_1 = 0x00000017, "Asymmetric Key Lifecycle Server KMIP v1.1";
        AsymmetricKeyLifecycleServerKMIPV1_2 = 0x00000018, "Asymmetric Key Lifecycle Server KMIP v1.2";
        BasicCryptographicClientKMIPV1_2 = 0x00000019, "Basic Cryptographic Client KMIP v1.2";
        BasicCryptographicServerKMIPV1_2 = 0x0000001a, "Basic Cryptographic Server KMIP v1.2";
        AdvancedCryptographicClientKMIPV1_2 = 0x0000001b, "Advanced Cryptographic Client KMIP v1.2";
        AdvancedCryptographicServerKMIPV1_2 = 0x0000001c, "Advanced Cryptographic Server KMIP v1.2";
        RNGCryptographicClientKMIPV1_2 = 0x0000001d, "RNG Cryptographic Client KMIP v1.2";
        RNGCryptographicServerKMIPV1_2 = 0x0000001e, "RNG Cryptographic Server KMIP v1.2";
        BasicSymmetricKeyFoundryClientKMIPV1_0 = 0x0000001f, "Basic Symmetric Key Foundry Client KMIP v1.0";
        IntermediateSymmetricKeyFoundryClientKMIPV1_0 = 0x00000020, "Intermediate Symmetric Key Foundry Client KMIP v1.0";
        AdvancedSymmetricKeyFoundryClientKMIPV1_0 = 0x00000021, "Advanced Symmetric Key Foundry Client KMIP v1.0";
        BasicSymmetricKeyFoundryClientKMIPV1_1 = 0x00000022, "Basic Symmetric Key Foundry Client KMIP v1.1";
        IntermediateSymmetricKeyFoundryClientKMIPV1_1 = 0x00000023, "Intermediate Symmetric Key Foundry Client KMIP v1.1";
        AdvancedSymmetricKeyFoundryClientKMIPV1_1 = 0x00000024, "Advanced Symmetric Key Foundry Client KMIP v1.1";
        BasicSymmetricKeyFoundryClientKMIPV1_2 = 0x00000025, "Basic Symmetric Key Foundry Client KMIP v1.2";
        IntermediateSymmetricKeyFoundryClientKMIPV1_2 = 0x00000026, "Intermediate Symmetric Key Foundry Client KMIP v1.2";
        AdvancedSymmetricKeyFoundryClientKMIPV1_2 = 0x00000027, "Advanced Symmetric Key Foundry Client KMIP v1.2";
        SymmetricKeyFoundryServerKMIPV1_0 = 0x00000028, "Symmetric Key Foundry Server KMIP v1.0";
        SymmetricKeyFoundryServerKMIPV1_1 = 0x00000029, "Symmetric Key Foundry Server KMIP v1.1";
        SymmetricKeyFoundryServerKMIPV1_2 = 0x0000002a, "Symmetric Key Foundry Server KMIP v1.2";
        OpaqueManagedObjectStoreClientKMIPV1_0 = 0x0000002b, "Opaque Managed Object Store Client KMIP v1.0";
        OpaqueManagedObjectStoreClientKMIPV1_1 = 0x0000002c, "Opaque Managed Object Store Client KMIP v1.1";
        OpaqueManagedObjectStoreClientKMIPV1_2 = 0x0000002d, "Opaque Managed Object Store Client KMIP v1.2";
        OpaqueManagedObjectStoreServerKMIPV1_0 = 0x0000002e, "Opaque Managed Object Store Server KMIP v1.0";
        OpaqueManagedObjectStoreServerKMIPV1_1 = 0x0000002f, "Opaque Managed Object Store Server KMIP v1.1";
        OpaqueManagedObjectStoreServerKMIPV1_2 = 0x00000030, "Opaque Managed Object Store Server KMIP v1.2";
        SuiteBMinLOS_128ClientKMIPV1_0 = 0x00000031, "Suite B minLOS_128 Client KMIP v1.0";
        SuiteBMinLOS_128ClientKMIPV1_1 = 0x00000032, "Suite B minLOS_128 Client KMIP v1.1";
        SuiteBMinLOS_128ClientKMIPV1_2 = 0x00000033, "Suite B minLOS_128 Client KMIP v1.2";
        SuiteBMinLOS_128ServerKMIPV1_0 = 0x00000034, "Suite B minLOS_128 Server KMIP v1.0";
        SuiteBMinLOS_128ServerKMIPV1_1 = 0x00000035, "Suite B minLOS_128 Server KMIP v1.1";
        SuiteBMinLOS_128ServerKMIPV1_2 = 0x00000036, "Suite B minLOS_128 Server KMIP v1.2";
        SuiteBMinLOS_192ClientKMIPV1_0 = 0x00000037, "Suite B minLOS_192 Client KMIP v1.0";
        SuiteBMinLOS_192ClientKMIPV1_1 = 0x00000038, "Suite B minLOS_192 Client KMIP v1.1";
        SuiteBMinLOS_192ClientKMIPV1_2 = 0x00000039, "Suite B minLOS_192 Client KMIP v1.2";
        SuiteBMinLOS_192ServerKMIPV1_0 = 0x0000003a, "Suite B minLOS_192 Server KMIP v1.0";
        SuiteBMinLOS_192ServerKMIPV1_1 = 0x0000003b, "Suite B minLOS_192 Server KMIP v1.1";
        SuiteBMinLOS_192ServerKMIPV1_2 = 0x0000003c, "Suite B minLOS_192 Server KMIP v1.2";
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_0 = 0x0000003d, "Storage Array with Self Encrypting Drive Client KMIP v1.0";
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_1 = 0x0000003e, "Storage Array with Self Encrypting Drive Client KMIP v1.1";
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_2 = 0x0000003f, "Storage Array with Self Encrypting Drive Client KMIP v1.2";
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_0 = 0x00000040, "Storage Array with Self Encrypting Drive Server KMIP v1.0";
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_1 = 0x00000041, "Storage Array with Self Encrypting Drive Server KMIP v1.1";
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_2 = 0x00000042, "Storage Array with Self Encrypting Drive Server KMIP v1.2";
        HTTPSClientKMIPV1_0 = 0x00000043, "HTTPS Client KMIP v1.0";
        HTTPSClientKMIPV1_1 = 0x00000044, "HTTPS Client KMIP v1.1";
        HTTPSClientKMIPV1_2 = 0x00000045, "HTTPS Client KMIP v1.2";
        HTTPSServerKMIPV1_0 = 0x00000046, "HTTPS Server KMIP v1.0";
        HTTPSServerKMIPV1_1 = 0x00000047, "HTTPS Server KMIP v1.1";
        HTTPSServerKMIPV1_2 = 0x00000048, "HTTPS Server KMIP v1.2";
        JSONClientKMIPV1_0 = 0x00000049, "JSON Client KMIP v1.0";
        JSONClientKMIPV1_1 = 0x0000004a, "JSON Client KMIP v1.1";
        JSONClientKMIPV1_2 = 0x0000004b, "JSON Client KMIP v1.2";
        JSONServerKMIPV1_0 = 0x0000004c, "JSON Server KMIP v1.0";
        JSONServerKMIPV1_1 = 0x0000004d, "JSON Server KMIP v1.1";
        JSONServerKMIPV1_2 = 0x0000004e, "JSON Server KMIP v1.2";
        XMLClientKMIPV1_0 = 0x0000004f, "XML Client KMIP v1.0";
        XMLClientKMIPV1_1 = 0x00000050, "XML Client KMIP v1.1";
        XMLClientKMIPV1_2 = 0x00000051, "XML Client KMIP v1.2";
        XMLServerKMIPV1_0 = 0x00000052, "XML Server KMIP v1.0";
        XMLServerKMIPV1_1 = 0x00000053, "XML Server KMIP v1.1";
        XMLServerKMIPV1_2 = 0x00000054, "XML Server KMIP v1.2";
        BaselineServerBasicKMIPV1_3 = 0x00000055, "Baseline Server Basic KMIP v1.3";
        BaselineServerTLSV1_2KMIPV1_3 = 0x00000056, "Baseline Server TLS v1.2 KMIP v1.3";
        BaselineClientBasicKMIPV1_3 = 0x00000057, "Baseline Client Basic KMIP v1.3";
        BaselineClientTLSV1_2KMIPV1_3 = 0x00000058, "Baseline Client TLS v1.2 KMIP v1.3";
        CompleteServerBasicKMIPV1_3 = 0x00000059, "Complete Server Basic KMIP v1.3";
        CompleteServerTLSV1_2KMIPV1_3 = 0x0000005a, "Complete Server TLS v1.2 KMIP v1.3";
        TapeLibraryClientKMIPV1_3 = 0x0000005b, "Tape Library Client KMIP v1.3";
        TapeLibraryServerKMIPV1_3 = 0x0000005c, "Tape Library Server KMIP v1.3";
        SymmetricKeyLifecycleClientKMIPV1_3 = 0x0000005d, "Symmetric Key Lifecycle Client KMIP v1.3";
        SymmetricKeyLifecycleServerKMIPV1_3 = 0x0000005e, "Symmetric Key Lifecycle Server KMIP v1.3";
        AsymmetricKeyLifecycleClientKMIPV1_3 = 0x0000005f, "Asymmetric Key Lifecycle Client KMIP v1.3";
        AsymmetricKeyLifecycleServerKMIPV1_3 = 0x00000060, "Asymmetric Key Lifecycle Server KMIP v1.3";
        BasicCryptographicClientKMIPV1_3 = 0x00000061, "Basic Cryptographic Client KMIP v1.3";
        BasicCryptographicServerKMIPV1_3 = 0x00000062, "Basic Cryptographic Server KMIP v1.3";
        AdvancedCryptographicClientKMIPV1_3 = 0x00000063, "Advanced Cryptographic Client KMIP v1.3";
        AdvancedCryptographicServerKMIPV1_3 = 0x00000064, "Advanced Cryptographic Server KMIP v1.3";
        RNGCryptographicClientKMIPV1_3 = 0x00000065, "RNG Cryptographic Client KMIP v1.3";
        RNGCryptographicServerKMIPV1_3 = 0x00000066, "RNG Cryptographic Server KMIP v1.3";
        BasicSymmetricKeyFoundryClientKMIPV1_3 = 0x00000067, "Basic Symmetric Key Foundry Client KMIP v1.3";
        IntermediateSymmetricKeyFoundryClientKMIPV1_3 = 0x00000068, "Intermediate Symmetric Key Foundry Client KMIP v1.3";
        AdvancedSymmetricKeyFoundryClientKMIPV1_3 = 0x00000069, "Advanced Symmetric Key Foundry Client KMIP v1.3";
        SymmetricKeyFoundryServerKMIPV1_3 = 0x0000006a, "Symmetric Key Foundry Server KMIP v1.3";
        OpaqueManagedObjectStoreClientKMIPV1_3 = 0x0000006b, "Opaque Managed Object Store Client KMIP v1.3";
        OpaqueManagedObjectStoreServerKMIPV1_3 = 0x0000006c, "Opaque Managed Object Store Server KMIP v1.3";
        SuiteBMinLOS_128ClientKMIPV1_3 = 0x0000006d, "Suite B minLOS_128 Client KMIP v1.3";
        SuiteBMinLOS_128ServerKMIPV1_3 = 0x0000006e, "Suite B minLOS_128 Server KMIP v1.3";
        SuiteBMinLOS_192ClientKMIPV1_3 = 0x0000006f, "Suite B minLOS_192 Client KMIP v1.3";
        SuiteBMinLOS_192ServerKMIPV1_3 = 0x00000070, "Suite B minLOS_192 Server KMIP v1.3";
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_3 = 0x00000071, "Storage Array with Self Encrypting Drive Client KMIP v1.3";
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_3 = 0x00000072, "Storage Array with Self Encrypting Drive Server KMIP v1.3";
        HTTPSClientKMIPV1_3 = 0x00000073, "HTTPS Client KMIP v1.3";
        HTTPSServerKMIPV1_3 = 0x00000074, "HTTPS Server KMIP v1.3";
        JSONClientKMIPV1_3 = 0x00000075, "JSON Client KMIP v1.3";
        JSONServerKMIPV1_3 = 0x00000076, "JSON Server KMIP v1.3";
        XMLClientKMIPV1_3 = 0x00000077, "XML Client KMIP v1.3";
        XMLServerKMIPV1_3 = 0x00000078, "XML Server KMIP v1.3";
        BaselineServerBasicKMIPV1_4 = 0x00000079, "Baseline Server Basic KMIP v1.4";
        BaselineServerTLSV1_2KMIPV1_4 = 0x0000007a, "Baseline Server TLS v1.2 KMIP v1.4";
        BaselineClientBasicKMIPV1_4 = 0x0000007b, "Baseline Client Basic KMIP v1.4";
        BaselineClientTLSV1_2KMIPV1_4 = 0x0000007c, "Baseline Client TLS v1.2 KMIP v1.4";
        CompleteServerBasicKMIPV1_4 = 0x0000007d, "Complete Server Basic KMIP v1.4";
        CompleteServerTLSV1_2KMIPV1_4 = 0x0000007e, "Complete Server TLS v1.2 KMIP v1.4";
        TapeLibraryClientKMIPV1_4 = 0x0000007f, "Tape Library Client KMIP v1.4";
        TapeLibraryServerKMIPV1_4 = 0x00000080, "Tape Library Server KMIP v1.4";
        SymmetricKeyLifecycleClientKMIPV1_4 = 0x00000081, "Symmetric Key Lifecycle Client KMIP v1.4";
        SymmetricKeyLifecycleServerKMIPV1_4 = 0x00000082, "Symmetric Key Lifecycle Server KMIP v1.4";
        AsymmetricKeyLifecycleClientKMIPV1_4 = 0x00000083, "Asymmetric Key Lifecycle Client KMIP v1.4";
        AsymmetricKeyLifecycleServerKMIPV1_4 = 0x00000084, "Asymmetric Key Lifecycle Server KMIP v1.4";
        BasicCryptographicClientKMIPV1_4 = 0x00000085, "Basic Cryptographic Client KMIP v1.4";
        BasicCryptographicServerKMIPV1_4 = 0x00000086, "Basic Cryptographic Server KMIP v1.4";
        AdvancedCryptographicClientKMIPV1_4 = 0x00000087, "Advanced Cryptographic Client KMIP v1.4";
        AdvancedCryptographicServerKMIPV1_4 = 0x00000088, "Advanced Cryptographic Server KMIP v1.4";
        RNGCryptographicClientKMIPV1_4 = 0x00000089, "RNG Cryptographic Client KMIP v1.4";
        RNGCryptographicServerKMIPV1_4 = 0x0000008a, "RNG Cryptographic Server KMIP v1.4";
        BasicSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008b, "Basic Symmetric Key Foundry Client KMIP v1.4";
        IntermediateSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008c, "Intermediate Symmetric Key Foundry Client KMIP v1.4";
        AdvancedSymmetricKeyFoundryClientKMIPV1_4 = 0x0000008d, "Advanced Symmetric Key Foundry Client KMIP v1.4";
        SymmetricKeyFoundryServerKMIPV1_4 = 0x0000008e, "Symmetric Key Foundry Server KMIP v1.4";
        OpaqueManagedObjectStoreClientKMIPV1_4 = 0x0000008f, "Opaque Managed Object Store Client KMIP v1.4";
        OpaqueManagedObjectStoreServerKMIPV1_4 = 0x00000090, "Opaque Managed Object Store Server KMIP v1.4";
        SuiteBMinLOS_128ClientKMIPV1_4 = 0x00000091, "Suite B minLOS_128 Client KMIP v1.4";
        SuiteBMinLOS_128ServerKMIPV1_4 = 0x00000092, "Suite B minLOS_128 Server KMIP v1.4";
        SuiteBMinLOS_192ClientKMIPV1_4 = 0x00000093, "Suite B minLOS_192 Client KMIP v1.4";
        SuiteBMinLOS_192ServerKMIPV1_4 = 0x00000094, "Suite B minLOS_192 Server KMIP v1.4";
        StorageArrayWithSelfEncryptingDriveClientKMIPV1_4 = 0x00000095, "Storage Array with Self Encrypting Drive Client KMIP v1.4";
        StorageArrayWithSelfEncryptingDriveServerKMIPV1_4 = 0x00000096, "Storage Array with Self Encrypting Drive Server KMIP v1.4";
        HTTPSClientKMIPV1_4 = 0x00000097, "HTTPS Client KMIP v1.4";
        HTTPSServerKMIPV1_4 = 0x00000098, "HTTPS Server KMIP v1.4";
        JSONClientKMIPV1_4 = 0x00000099, "JSON Client KMIP v1.4";
        JSONServerKMIPV1_4 = 0x0000009a, "JSON Server KMIP v1.4";
        XMLClientKMIPV1_4 = 0x0000009b, "XML Client KMIP v1.4";
        XMLServerKMIPV1_4 = 0x0000009c, "XML Server KMIP v1.4";
    }
    /// Section 9.1.3.2.43.
    UnwrapMode {
        Unspecified = 0x00000001, "Unspecified";
        Processed = 0x00000002, "Processed";
        NotProcessed = 0x00000003, "Not Processed";
    }
    /// Section 9.1.3.2.44.
    DestroyAction {
        Unspecified = 0x00000001, "Unspecified";
        KeyMaterialDeleted = 0x00000002, "Key Material Deleted";
        KeyMaterialShredded = 0x00000003, "Key Material Shredded";
        MetaDataDeleted = 0x00000004, "Meta Data Deleted";
        MetaDataShredded = 0x00000005, "Meta Data Shredded";
        Deleted = 0x00000006, "Deleted";
        Shredded = 0x00000007, "Shredded";
    }
    /// Section 9.1.3.2.45.
    ShreddingAlgorithm {
        Unspecified = 0x00000001, "Unspecified";
        Cryptographic = 0x00000002, "Cryptographic";
        Unsupported = 0x00000003, "Unsupported";
    }
    /// Section 9.1.3.2.46.
    RNGMode {
        Unspecified = 0x00000001, "Unspecified";
        SharedInstantiation = 0x00000002, "Shared Instantiation";
        NonSharedInstantiation = 0x00000003, "Non-Shared Instantiation";
    }
    /// Section 9.1.3.2.47.
    ClientRegistrationMethod {
        Unspecified = 0x00000001, "Unspecified";
        ServerPreGenerated = 0x00000002, "Server Pre-Generated";
        ServerOnDemand = 0x00000003, "Server On-Demand";
        ClientGenerated = 0x00000004, "Client Generated";
        ClientRegistered = 0x00000005, "Client Registered";
    }
    /// Section 9.1.3.2.48.
    KeyWrapType {
        NotWrapped = 0x00000001, "Not Wrapped";
        AsRegistered = 0x00000002, "As Registered";
    }
    /// Section 9.1.3.2.49.
    MaskGenerator {
        MGF1 = 0x00000001, "MGF1";
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
