use broker_core::secret::Secret;

fn shout(secret: &Secret) -> String {
    format!("{secret}")
}

fn main() {}
