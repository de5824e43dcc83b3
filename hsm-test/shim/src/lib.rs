//! A PKCS#11 module that hands every call to another one, and breaks the next few of them as a control file tells.
//!
//! `HSM_SHIM_MODULE` names the real module, `HSM_SHIM_CONTROL` the control file. Each of its lines is
//! `FUNCTION FAULT TIMES`, such as `C_Decrypt device-removed 2`; times are counted down in the file itself, so that they
//! outlive the process that a fault killed. It serves tests alone.
#![allow(unsafe_code)] // a C interface, on both sides
#![allow(non_snake_case)] // the names of the standard

mod control;

use std::sync::OnceLock;

use control::Fault;
use cryptoki_sys::{
    CK_ATTRIBUTE_PTR, CK_BYTE_PTR, CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR_PTR, CK_MECHANISM_PTR, CK_NOTIFY,
    CK_OBJECT_HANDLE, CK_OBJECT_HANDLE_PTR, CK_RV, CK_SESSION_HANDLE, CK_SESSION_HANDLE_PTR, CK_SESSION_INFO_PTR,
    CK_SLOT_ID, CK_ULONG, CK_ULONG_PTR, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_VOID_PTR, CKR_ARGUMENTS_BAD,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_GENERAL_ERROR, CKR_OK, Pkcs11,
};

/// The real module and the two tables: its own, and ours.
struct Tables {
    /// Keeps the real module loaded.
    _module: Pkcs11,
    real: CK_FUNCTION_LIST,
    ours: CK_FUNCTION_LIST,
}

static TABLES: OnceLock<Option<Tables>> = OnceLock::new();

fn tables() -> Option<&'static Tables> {
    TABLES.get_or_init(load).as_ref()
}

fn load() -> Option<Tables> {
    let path = std::env::var_os("HSM_SHIM_MODULE")?;
    // SAFETY: loading runs the real module's constructors; the test chose a module whose constructors are sound.
    let module = unsafe { Pkcs11::new(path) }.ok()?;
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` is a place for one pointer, which is all that C_GetFunctionList writes.
    if unsafe { module.C_GetFunctionList(&mut list) } != CKR_OK || list.is_null() {
        return None;
    }
    // SAFETY: CKR_OK and not null: it points to the module's table, which lives as long as the module, kept above.
    let real = unsafe { *list };
    let mut ours = real;
    install(&mut ours);
    Some(Tables { _module: module, real, ours })
}

/// The one function a PKCS#11 2.40 module must export.
///
/// # Safety
/// `list` must be null or a place for one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let Some(tables) = tables() else { return CKR_GENERAL_ERROR };
    // SAFETY: `list` is a place for one pointer, by contract. The table is never written to, though C has no way to say so.
    unsafe { *list = std::ptr::from_ref(&tables.ours).cast_mut() };
    CKR_OK
}

macro_rules! breakable {
    ($($name:ident($($argument:ident: $type:ty),*);)+) => {
        $(
            unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                let Some(real) = tables().and_then(|tables| tables.real.$name) else { return CKR_FUNCTION_NOT_SUPPORTED };
                let fault = control::next(stringify!($name));
                match fault {
                    Some(Fault::Answer(code)) => return code,
                    Some(Fault::Crash) => std::process::abort(),
                    Some(Fault::Exec) => control::exec(),
                    Some(Fault::Hang) => control::hang(),
                    Some(Fault::Slow(time)) => control::wait(time),
                    Some(Fault::CrashAfter | Fault::CrashHalf) | None => {}
                }
                // SAFETY: the caller's own arguments, unchanged, to the function that it meant to call.
                let answer = unsafe { real($($argument),*) };
                if matches!(fault, Some(Fault::CrashAfter)) {
                    std::process::abort();
                }
                answer
            }
        )+

        fn install(table: &mut CK_FUNCTION_LIST) {
            $(table.$name = Some($name);)+
            table.C_GenerateKeyPair = Some(C_GenerateKeyPair);
        }
    };
}

breakable! {
    C_CreateObject(s: CK_SESSION_HANDLE, t: CK_ATTRIBUTE_PTR, n: CK_ULONG, o: CK_OBJECT_HANDLE_PTR);
    C_Decrypt(s: CK_SESSION_HANDLE, i: CK_BYTE_PTR, n: CK_ULONG, o: CK_BYTE_PTR, l: CK_ULONG_PTR);
    C_DecryptInit(s: CK_SESSION_HANDLE, m: CK_MECHANISM_PTR, k: CK_OBJECT_HANDLE);
    C_DestroyObject(s: CK_SESSION_HANDLE, o: CK_OBJECT_HANDLE);
    C_FindObjectsInit(s: CK_SESSION_HANDLE, t: CK_ATTRIBUTE_PTR, n: CK_ULONG);
    C_GenerateKey(s: CK_SESSION_HANDLE, m: CK_MECHANISM_PTR, t: CK_ATTRIBUTE_PTR, n: CK_ULONG, o: CK_OBJECT_HANDLE_PTR);
    C_GetAttributeValue(s: CK_SESSION_HANDLE, o: CK_OBJECT_HANDLE, t: CK_ATTRIBUTE_PTR, n: CK_ULONG);
    C_GetSessionInfo(s: CK_SESSION_HANDLE, i: CK_SESSION_INFO_PTR);
    C_Login(s: CK_SESSION_HANDLE, u: CK_USER_TYPE, p: CK_UTF8CHAR_PTR, n: CK_ULONG);
    C_OpenSession(i: CK_SLOT_ID, f: CK_FLAGS, a: CK_VOID_PTR, n: CK_NOTIFY, s: CK_SESSION_HANDLE_PTR);
    C_Sign(s: CK_SESSION_HANDLE, i: CK_BYTE_PTR, n: CK_ULONG, o: CK_BYTE_PTR, l: CK_ULONG_PTR);
    C_SignInit(s: CK_SESSION_HANDLE, m: CK_MECHANISM_PTR, k: CK_OBJECT_HANDLE);
    C_UnwrapKey(s: CK_SESSION_HANDLE, m: CK_MECHANISM_PTR, k: CK_OBJECT_HANDLE, i: CK_BYTE_PTR, n: CK_ULONG,
        t: CK_ATTRIBUTE_PTR, c: CK_ULONG, o: CK_OBJECT_HANDLE_PTR);
    C_WrapKey(s: CK_SESSION_HANDLE, m: CK_MECHANISM_PTR, w: CK_OBJECT_HANDLE, k: CK_OBJECT_HANDLE, o: CK_BYTE_PTR,
        l: CK_ULONG_PTR);
}

/// By itself, for it alone can stop halfway: with a public key and no private one.
unsafe extern "C" fn C_GenerateKeyPair(
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_PTR,
    public_template: CK_ATTRIBUTE_PTR,
    public_count: CK_ULONG,
    private_template: CK_ATTRIBUTE_PTR,
    private_count: CK_ULONG,
    public: CK_OBJECT_HANDLE_PTR,
    private: CK_OBJECT_HANDLE_PTR,
) -> CK_RV {
    let Some(tables) = tables() else { return CKR_FUNCTION_NOT_SUPPORTED };
    let (Some(real), Some(destroy)) = (tables.real.C_GenerateKeyPair, tables.real.C_DestroyObject) else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    let fault = control::next("C_GenerateKeyPair");
    match fault {
        Some(Fault::Answer(code)) => return code,
        Some(Fault::Crash) => std::process::abort(),
        Some(Fault::Exec) => control::exec(),
        Some(Fault::Hang) => control::hang(),
        Some(Fault::Slow(time)) => control::wait(time),
        Some(Fault::CrashAfter | Fault::CrashHalf) | None => {}
    }
    // SAFETY: the caller's own arguments, unchanged, to the function that it meant to call.
    let answer = unsafe {
        real(session, mechanism, public_template, public_count, private_template, private_count, public, private)
    };
    if matches!(fault, Some(Fault::CrashHalf)) && answer == CKR_OK {
        // SAFETY: CKR_OK: `private` points to the handle that was just written.
        unsafe { destroy(session, *private) };
    }
    if matches!(fault, Some(Fault::CrashHalf | Fault::CrashAfter)) {
        std::process::abort();
    }
    answer
}
