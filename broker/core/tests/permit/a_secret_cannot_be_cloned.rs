use broker_core::secret::Secret;

fn twice(secret: Secret) -> (Secret, Secret) {
    (secret.clone(), secret)
}

fn main() {}
