//! Signing: the key's public half verifies it, and nothing else.

use broker_core::algorithm::{KeySpec, SignAlgorithm};
use broker_core::refusal::Refusal;

use super::subject::{Subject, told};
use super::{Asking, Row};

pub async fn ask<F: FnMut(&Row)>(subject: &Subject, algorithm: SignAlgorithm, spec: KeySpec, asking: &mut Asking<F>) {
    let question = format!("{algorithm} under {spec}: the public half verifies it, and no other digest");
    asking.note(question, verifies(subject, algorithm, spec).await);
}

async fn verifies(subject: &Subject, algorithm: SignAlgorithm, spec: KeySpec) -> Result<(), String> {
    let (key, other) = (subject.key(spec).await?, subject.key(spec).await?);
    let digest = vec![0x5E; algorithm.digest_bytes()];
    let signature =
        subject.sign(&key, algorithm, &digest).await.map_err(|failure| format!("sign: {}", told(&failure)))?;
    if !subject.verify(&key, algorithm, &digest, &signature).await? {
        return Err("the public half that it answered does not verify its signature".to_owned());
    }
    if subject.verify(&key, algorithm, &vec![0x5F; digest.len()], &signature).await? {
        return Err("its signature verifies for another digest".to_owned());
    }
    if subject.verify(&other, algorithm, &digest, &signature).await? {
        return Err("another key of its verifies the signature".to_owned());
    }
    match subject.sign(&key, algorithm, &digest[1..]).await {
        Ok(_) => Err("it signs a digest that is a byte too short".to_owned()),
        Err(failure) => match failure.refusal {
            Refusal::BadRequest { .. } => Ok(()),
            _ => Err(format!("a digest a byte too short must be `bad-request`, but is {}", told(&failure))),
        },
    }
}
