use broker_core::grant::Permit;
use broker_core::verb::{UnwrapKey, WrapKey};

fn turn(permit: Permit<WrapKey>) -> Permit<UnwrapKey> {
    permit
}

fn main() {}
