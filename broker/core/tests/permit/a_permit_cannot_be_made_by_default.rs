use broker_core::grant::Permit;
use broker_core::verb::WrapKey;

fn main() {
    let _ = Permit::<WrapKey>::default();
}
