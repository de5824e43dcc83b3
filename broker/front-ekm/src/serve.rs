//! From a parsed request to the broker's verb and back to a body.

use broker_core::broker::{Broker, UnwrapKey, WrapKey};
use broker_core::entry::Asker;
use broker_core::name::{KeyName, VaultName};
use bytes::Bytes;

use crate::refuse::Problem;
use crate::route::{KeyAction, Target};
use crate::translate;
use crate::{ProxyNames, reply, wire};

/// A request, parsed whole.
#[derive(Debug)]
pub(crate) struct Ask {
    /// The caller's own ids, for the audit.
    pub client_request_id: String,
    pub deed: Deed,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Deed {
    Info,
    Metadata(VaultName, KeyName),
    Unwrap(UnwrapKey),
    Wrap(WrapKey),
}

impl Ask {
    /// Reads the body that the target takes.
    ///
    /// # Errors
    /// `Malformed`, or `Refused` with `BadRequest` or `AlgorithmUnsupported`.
    pub fn parse(target: Target, body: &[u8]) -> Result<Self, Problem> {
        let (context, deed) = match target {
            Target::Info => (wire::read::<wire::ContextBody>(body)?.request_context, Deed::Info),
            Target::OnKey(KeyAction::Metadata, vault, key) => {
                (wire::read::<wire::ContextBody>(body)?.request_context, Deed::Metadata(vault, key))
            }
            Target::OnKey(KeyAction::UnwrapKey, vault, key) => {
                let body: wire::OperationBody<'_> = wire::read(body)?;
                let deed = Deed::Unwrap(translate::to_unwrap_key(vault, key, &body)?);
                (body.request_context, deed)
            }
            Target::OnKey(KeyAction::WrapKey, vault, key) => {
                let body: wire::OperationBody<'_> = wire::read(body)?;
                let deed = Deed::Wrap(translate::to_wrap_key(vault, key, &body)?);
                (body.request_context, deed)
            }
        };
        Ok(Self { client_request_id: translate::to_client_request_id(&context.0), deed })
    }
}

/// Carries it out. `/info` decides nothing, so the core is not asked and nothing is audited.
pub(crate) async fn serve(broker: &Broker, asker: &Asker, deed: Deed, names: &ProxyNames) -> Result<Bytes, Problem> {
    match deed {
        Deed::Info => Ok(reply::json(&translate::of_names(names))),
        Deed::Metadata(vault, key) => {
            let view = broker.get_key(asker, vault, key, None).await?;
            Ok(reply::json(&translate::of_key_view(&view)?))
        }
        Deed::Unwrap(ask) => {
            let answer = broker.unwrap_key(asker, ask).await?;
            Ok(reply::secret(translate::of_secret(&answer.secret)))
        }
        Deed::Wrap(ask) => {
            let answer = broker.wrap_key(asker, ask).await?;
            Ok(reply::json(&translate::of_wrapped(&answer.wrapped)))
        }
    }
}
