//! Wrapping and unwrapping: there and back, and nothing else opens.

use std::sync::Arc;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::port::Candidate;
use broker_core::refusal::{Failure, Refusal};

use super::subject::{Subject, told};
use super::{Asking, CONCURRENT, Row};

/// How often the same call is refused when it is asked whether it is refused alike.
const REFUSALS: usize = 4;
/// The largest secret that a broker hands over.
const SECRET_BYTES_MAX: usize = 65_536;

pub async fn ask<F: FnMut(&Row)>(subject: &Subject, algorithm: WrapAlgorithm, spec: KeySpec, asking: &mut Asking<F>) {
    let question = |what: &str| format!("{algorithm} under {spec}: {what}");
    let keys = async { Ok::<_, String>((subject.key(spec).await?, subject.key(spec).await?)) }.await;
    let (key, other) = match keys {
        Ok(keys) => keys,
        Err(problem) => return asking.note(question("a key to ask with"), Err(problem)),
    };
    let case = Arc::new(Case { subject: subject.clone(), algorithm, key, other });
    asking.note(question("there and back, at every length"), case.round_trips().await);
    asking.note(question("another key does not open it"), case.wrong_key().await);
    asking.note(question("a changed value does not open, and is refused alike each time"), case.tampered().await);
    asking.note(question("what is too large is refused, and ends no call"), case.oversize().await);
    asking.note(question("calls at the same time do not mix"), concurrent(&case).await);
}

struct Case {
    subject: Subject,
    algorithm: WrapAlgorithm,
    key: Candidate,
    other: Candidate,
}

/// Beside a value, to open it again.
fn beside(extras: &WrapExtras, wrapped: &Wrapped) -> WrapExtras {
    WrapExtras { iv: wrapped.iv.clone(), aad: extras.aad.clone(), tag: wrapped.tag.clone() }
}

impl Case {
    /// Lengths in bytes that the algorithm takes: RFC 3394 takes multiples of 8 from 16 on.
    const fn lengths(&self) -> &'static [usize] {
        match self.algorithm {
            WrapAlgorithm::A128Kw | WrapAlgorithm::A256Kw => &[16, 24, 32, 64, 4096],
            WrapAlgorithm::A128Kwp | WrapAlgorithm::A256Kwp => &[1, 7, 8, 20, 32, 64, 4096],
            WrapAlgorithm::A256Gcm => &[1, 16, 32, 4096],
            WrapAlgorithm::Rsa1V5 | WrapAlgorithm::RsaOaep | WrapAlgorithm::RsaOaep256 => &[1, 16, 32, 64],
        }
    }

    fn extras(&self) -> WrapExtras {
        match self.algorithm {
            WrapAlgorithm::A256Gcm => WrapExtras { aad: b"conformance".to_vec(), ..WrapExtras::default() },
            _ => WrapExtras::default(),
        }
    }

    async fn wrapped(&self, secret: &[u8]) -> Result<Wrapped, String> {
        let wrapped = self.subject.wrap(&self.key, self.algorithm, secret, &self.extras()).await;
        wrapped.map_err(|failure| format!("wrap-key of {} bytes: {}", secret.len(), told(&failure)))
    }

    async fn unwrapped(&self, with: &Candidate, wrapped: &Wrapped) -> Result<Vec<u8>, Failure> {
        let beside = beside(&self.extras(), wrapped);
        let secret = self.subject.unwrap(with, self.algorithm, &wrapped.value, &beside).await?;
        Ok(secret.expose().to_vec())
    }

    async fn round_trips(&self) -> Result<(), String> {
        for &length in self.lengths() {
            let secret: Vec<u8> = (0..length).map(|place| (place * 7 + length) as u8).collect();
            let wrapped = self.wrapped(&secret).await?;
            if length >= 16 && wrapped.value.windows(length).any(|part| part == secret) {
                return Err(format!("the wrapped value of {length} bytes holds them in the clear"));
            }
            match self.unwrapped(&self.key, &wrapped).await {
                Ok(opened) if opened == secret => {}
                Ok(opened) => return Err(format!("{length} bytes went in, {} others came out", opened.len())),
                Err(failure) => return Err(format!("unwrap-key of {length} bytes: {}", told(&failure))),
            }
        }
        Ok(())
    }

    async fn wrong_key(&self) -> Result<(), String> {
        let secret = [0x5E; 32];
        let wrapped = self.wrapped(&secret).await?;
        self.must_not_open(self.unwrapped(&self.other, &wrapped).await, &secret, "another key's value")
    }

    async fn tampered(&self) -> Result<(), String> {
        let secret = [0x5E; 32];
        let wrapped = self.wrapped(&secret).await?;
        let last = wrapped.value.len().saturating_sub(1);
        for place in [0, last / 2, last] {
            let mut changed = wrapped.clone();
            if let Some(byte) = changed.value.get_mut(place) {
                *byte ^= 0x01;
            }
            let what = format!("a value whose byte {place} was changed");
            let first = self.unwrapped(&self.key, &changed).await;
            let refusal = first.as_ref().err().map(|failure| failure.refusal.clone());
            self.must_not_open(first, &secret, &what)?;
            for _ in 1..REFUSALS {
                let again = self.unwrapped(&self.key, &changed).await.err().map(|failure| failure.refusal);
                if again != refusal {
                    return Err(format!("{what} is refused differently from one time to the next"));
                }
            }
        }
        for length in [0, 1, last] {
            let mut cut = wrapped.clone();
            cut.value.truncate(length);
            let opened = self.unwrapped(&self.key, &cut).await;
            let what = format!("a value cut to {length} bytes");
            match opened {
                Err(Failure { refusal: Refusal::BadRequest { .. }, .. }) => {}
                opened => self.must_not_open(opened, &secret, &what)?,
            }
        }
        Ok(())
    }

    /// Unwrapping what does not open has one answer, or whoever asks learns why (an oracle). PKCS #1 v1.5 may open to
    /// something else instead: its padding is not sure to show.
    fn must_not_open(&self, opened: Result<Vec<u8>, Failure>, secret: &[u8], what: &str) -> Result<(), String> {
        match opened {
            Err(Failure { refusal: Refusal::Unwrappable, .. }) => Ok(()),
            Ok(other) if self.algorithm == WrapAlgorithm::Rsa1V5 && other != secret => Ok(()),
            Ok(_) => Err(format!("{what} opens")),
            Err(failure) => Err(format!("{what} must be `unwrappable`, but is {}", told(&failure))),
        }
    }

    async fn oversize(&self) -> Result<(), String> {
        let secret = vec![0x5E; SECRET_BYTES_MAX];
        let wrapped = self.subject.wrap(&self.key, self.algorithm, &secret, &self.extras()).await;
        refused_or_done(wrapped.map(drop), &format!("wrap-key of {SECRET_BYTES_MAX} bytes"))?;
        let noise = Wrapped { value: vec![0xA5; SECRET_BYTES_MAX], iv: vec![0; 12], tag: vec![0; 16] };
        let noise = match self.algorithm {
            WrapAlgorithm::A256Gcm => noise,
            _ => Wrapped { value: noise.value, ..Wrapped::default() },
        };
        match self.unwrapped(&self.key, &noise).await {
            Ok(_) => Err(format!("{SECRET_BYTES_MAX} bytes of noise open")),
            refused => refused_or_done(refused.map(drop), &format!("unwrap-key of {SECRET_BYTES_MAX} bytes of noise")),
        }
    }
}

async fn concurrent(case: &Arc<Case>) -> Result<(), String> {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..CONCURRENT {
        let case = Arc::clone(case);
        calls.spawn(async move {
            let secret = [number as u8; 32];
            let wrapped = case.wrapped(&secret).await?;
            match case.unwrapped(&case.key, &wrapped).await {
                Ok(opened) if opened == secret => Ok(()),
                Ok(_) => Err("a call among others gave another's secret".to_owned()),
                Err(failure) => Err(format!("unwrap-key among others: {}", told(&failure))),
            }
        });
    }
    while let Some(ended) = calls.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// Whatever a plugin thinks of its arguments, it answers with an error of the contract.
fn refused_or_done(result: Result<(), Failure>, what: &str) -> Result<(), String> {
    match result {
        Ok(())
        | Err(Failure {
            refusal: Refusal::BadRequest { .. } | Refusal::Unwrappable | Refusal::AlgorithmUnsupported { .. },
            ..
        }) => Ok(()),
        Err(failure) => Err(format!("{what} must be answered or be `bad-request`, but is {}", told(&failure))),
    }
}
