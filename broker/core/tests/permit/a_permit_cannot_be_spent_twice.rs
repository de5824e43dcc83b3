use broker_core::grant::Permit;
use broker_core::port::Wrapping;
use broker_core::verb::WrapKey;

fn spend(permit: Permit<WrapKey>) -> (Wrapping, Wrapping) {
    (Wrapping::Wrap(permit), Wrapping::Wrap(permit))
}

fn main() {}
