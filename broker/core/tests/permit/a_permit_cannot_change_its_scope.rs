use broker_core::grant::{Permit, Scope};
use broker_core::verb::WrapKey;

fn widen(mut permit: Permit<WrapKey>) -> Permit<WrapKey> {
    permit.scope = Scope::Broker;
    permit
}

fn main() {}
