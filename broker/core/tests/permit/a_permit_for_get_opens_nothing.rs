use broker_core::grant::Permit;
use broker_core::port::Unwrapping;
use broker_core::verb::GetKey;

fn open(permit: Permit<GetKey>) -> Unwrapping {
    Unwrapping::Unwrap(permit)
}

fn main() {}
