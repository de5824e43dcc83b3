//! What a CK_RV means: the caller's fault, a session lost, a token lost (PKCS#11 2.40 section 5.1).

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use crate::wire::Fault;

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may mean anything: a bad value to one vendor, a dead device to another.
    Ambiguous,
    /// The request's own fault, or the token's own limits: asking again gives the same.
    Caller,
    /// The value is no wrapped one, or not of this key.
    Cryptographic,
    /// A handle of an object is stale: look for it again.
    Handle,
    /// The token lacks it.
    Lacking,
    /// The PIN.
    Pin,
    /// The session is gone: open a new one.
    Session,
    /// The token or the login is gone: log in again, then start afresh.
    Token,
}

pub fn class(error: &Error) -> Class {
    match error {
        Error::Pkcs11(code, _) => class_of_code(*code),
        Error::NotSupported | Error::NullFunctionPointer | Error::MissingSymbol(_) => Class::Lacking,
        Error::PinNotSet => Class::Pin,
        Error::LibraryLoading(_)
        | Error::TryFromInt(_)
        | Error::TryFromSlice(_)
        | Error::ParseInt(_)
        | Error::Utf8(_)
        | Error::NulError(_)
        | Error::InvalidValue => Class::Ambiguous,
    }
}

fn class_of_code(code: RvError) -> Class {
    use RvError as E;
    match code {
        E::EncryptedDataInvalid | E::EncryptedDataLenRange | E::WrappedKeyInvalid | E::WrappedKeyLenRange => {
            Class::Cryptographic
        }
        E::KeyHandleInvalid
        | E::ObjectHandleInvalid
        | E::UnwrappingKeyHandleInvalid
        | E::WrappingKeyHandleInvalid
        | E::KeyChanged => Class::Handle,
        E::MechanismInvalid | E::FunctionNotSupported | E::CurveNotSupported => Class::Lacking,
        E::PinIncorrect
        | E::PinInvalid
        | E::PinLenRange
        | E::PinExpired
        | E::PinLocked
        | E::PinTooWeak
        | E::NewPinMode
        | E::UserPinNotInitialized => Class::Pin,
        E::SessionClosed
        | E::SessionHandleInvalid
        | E::SessionCount
        | E::SessionReadOnly
        | E::OperationActive
        | E::OperationNotInitialized
        | E::FunctionCanceled
        | E::Cancel => Class::Session,
        E::DeviceError
        | E::DeviceMemory
        | E::DeviceRemoved
        | E::TokenNotPresent
        | E::TokenNotRecognized
        | E::SlotIdInvalid
        | E::UserNotLoggedIn
        | E::CryptokiNotInitialized
        | E::HostMemory
        | E::MutexBad
        | E::MutexNotLocked
        | E::FipsSelfTestFailed
        | E::LibraryLoadFailed => Class::Token,
        E::ArgumentsBad
        | E::ActionProhibited
        | E::AttributeReadOnly
        | E::AttributeSensitive
        | E::AttributeTypeInvalid
        | E::AttributeValueInvalid
        | E::BufferTooSmall
        | E::CantLock
        | E::CryptokiAlreadyInitialized
        | E::DataInvalid
        | E::DataLenRange
        | E::DomainParamsInvalid
        | E::ExceededMaxIterations
        | E::FunctionNotParallel
        | E::FunctionRejected
        | E::InformationSensitive
        | E::KeyFunctionNotPermitted
        | E::KeyIndigestible
        | E::KeyNeeded
        | E::KeyNotNeeded
        | E::KeyNotWrappable
        | E::KeySizeRange
        | E::KeyTypeInconsistent
        | E::KeyUnextractable
        | E::MechanismParamInvalid
        | E::NeedToCreateThreads
        | E::NextOtp
        | E::NoEvent
        | E::PublicKeyInvalid
        | E::RandomNoRng
        | E::RandomSeedNotSupported
        | E::SavedStateInvalid
        | E::SessionExists
        | E::SessionParallelNotSupported
        | E::SessionReadOnlyExists
        | E::SessionReadWriteSoExists
        | E::SignatureInvalid
        | E::SignatureLenRange
        | E::StateUnsaveable
        | E::TemplateIncomplete
        | E::TemplateInconsistent
        | E::TokenWriteProtected
        | E::UnwrappingKeySizeRange
        | E::UnwrappingKeyTypeInconsistent
        | E::UserAlreadyLoggedIn
        | E::UserAnotherAlreadyLoggedIn
        | E::UserTooManyTypes
        | E::UserTypeInvalid
        | E::WrappingKeySizeRange
        | E::WrappingKeyTypeInconsistent => Class::Caller,
        E::GeneralError | E::FunctionFailed | E::UnknownErrorCode(_) | E::VendorDefined(_) => Class::Ambiguous,
    }
}

/// Why one step did not succeed.
#[derive(Debug)]
pub enum Trouble {
    /// The module's own word.
    Module(Error),
    /// Ours.
    Ours(Fault, &'static str),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Module(error)
    }
}

impl Trouble {
    pub const MISSING: Self = Self::Ours(Fault::KeyMissing, "no object of that CKA_ID and CKA_LABEL");

    /// Whether a value that does not open could be all that is wrong: only these two functions see it. To kryoptic even
    /// CKR_DEVICE_ERROR is such a value.
    pub fn may_be_the_value(&self) -> bool {
        let Self::Module(Error::Pkcs11(code, Function::Decrypt | Function::UnwrapKey)) = self else { return false };
        *code == RvError::DeviceError || matches!(self.class(), Class::Ambiguous | Class::Caller)
    }

    pub fn class(&self) -> Class {
        match self {
            Self::Module(error) => class(error),
            Self::Ours(fault, _) => match fault {
                Fault::BadRequest | Fault::Faulty | Fault::KeyMissing => Class::Caller,
                Fault::SessionLost => Class::Session,
                Fault::TokenLost => Class::Token,
                Fault::Unwrappable => Class::Cryptographic,
                Fault::Unsupported => Class::Lacking,
            },
        }
    }

    /// What the broker hears when nothing more can be done here.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Ours(fault, _) => *fault,
            Self::Module(_) => match self.class() {
                Class::Ambiguous | Class::Pin | Class::Token => Fault::TokenLost,
                Class::Caller => Fault::BadRequest,
                Class::Cryptographic => Fault::Unwrappable,
                Class::Handle => Fault::KeyMissing,
                Class::Lacking => Fault::Unsupported,
                Class::Session => Fault::SessionLost,
            },
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The crate's text for a code is a paragraph of the standard; its name is what one looks for.
            Self::Module(Error::Pkcs11(code, function)) => write!(f, "{function:?}: {code:?}"),
            Self::Module(error) => error.fmt(f),
            Self::Ours(_, cause) => f.write_str(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_a_lost_session_and_a_lost_token_are_told_apart() {
        for (code, claim) in [
            (RvError::SessionHandleInvalid, Class::Session),
            (RvError::SessionClosed, Class::Session),
            (RvError::DeviceRemoved, Class::Token),
            (RvError::TokenNotPresent, Class::Token),
            (RvError::DeviceError, Class::Token),
            (RvError::UserNotLoggedIn, Class::Token),
            (RvError::PinIncorrect, Class::Pin),
            (RvError::GeneralError, Class::Ambiguous),
            (RvError::VendorDefined(1 << 31), Class::Ambiguous),
            (RvError::EncryptedDataInvalid, Class::Cryptographic),
            (RvError::KeyHandleInvalid, Class::Handle),
        ] {
            assert_eq!(class(&Error::Pkcs11(code, Function::Decrypt)), claim, "{code:?}");
        }
    }
}
