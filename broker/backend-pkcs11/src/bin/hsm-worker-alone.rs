//! The worker, and nothing else.

fn main() -> std::process::ExitCode {
    broker_backend_pkcs11::run_worker()
}
