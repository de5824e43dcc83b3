use std::marker::PhantomData;

use broker_core::grant::{Permit, Scope};
use broker_core::name::Principal;
use broker_core::verb::WrapKey;

fn forge(principal: Principal) -> Permit<WrapKey> {
    Permit { principal, scope: Scope::Broker, verb: PhantomData }
}

fn main() {}
