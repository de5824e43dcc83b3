use broker_core::grant::Permit;
use broker_core::verb::WrapKey;

fn twice(permit: Permit<WrapKey>) -> (Permit<WrapKey>, Permit<WrapKey>) {
    (permit.clone(), permit)
}

fn main() {}
