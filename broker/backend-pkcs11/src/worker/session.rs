//! One thread with one session: takes requests, heals what it can, answers.

use std::sync::Arc;

use cryptoki::session::Session;

use super::fault::{Class, Trouble};
use super::io::{Inlet, Outlet, Tray};
use super::login::Token;
use super::verb;
use crate::wire::{Fault, Reply, Request};

/// Where one thread works.
pub struct Desk {
    pub token: Arc<Token>,
    session: Option<Session>,
    /// The login under which the session was opened.
    login: u64,
    /// Whether something is left in the token's memory that only an end of the session removes.
    pub soiled: bool,
}

impl Desk {
    pub fn new(token: Arc<Token>) -> Self {
        Self { token, session: None, login: 0, soiled: false }
    }

    /// Answers requests until the broker is gone.
    pub fn work(&mut self, inlet: &Inlet, outlet: &Outlet) {
        let mut tray = Tray::new();
        while let Some((call, request)) = inlet.next(&mut tray) {
            let reply = self.answer(&request);
            drop(request);
            let gone = matches!(reply, Reply::Failed { fault: Fault::TokenLost, .. });
            if outlet.say(call, &reply).is_err() || gone || self.soiled {
                outlet.retire();
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let mut healed = false;
        loop {
            let trouble = match verb::carry_out(self, request) {
                Ok(reply) => return reply,
                Err(trouble) => trouble,
            };
            if healed {
                // It failed on a session, a login or a handle that is brand new.
                let fault = if heals(trouble.class()) { Fault::TokenLost } else { trouble.fault() };
                let fault = if trouble.class() == Class::Handle { Fault::KeyMissing } else { fault };
                return Reply::failed(fault, trouble);
            }
            healed = true;
            match trouble.class() {
                Class::Caller | Class::Cryptographic | Class::Lacking => {
                    return Reply::failed(trouble.fault(), trouble);
                }
                Class::Handle => self.token.handles.forget_all(),
                Class::Session => self.session = None,
                Class::Ambiguous | Class::Pin | Class::Token => {
                    self.session = None;
                    if let Err(worse) = self.token.log_in_again(self.login) {
                        return Reply::failed(Fault::TokenLost, format!("{trouble}; {worse}"));
                    }
                }
            }
            // Whether a key was made is not known: the broker looks for it first.
            if matches!(request, Request::Generate { .. }) && trouble.class() != Class::Handle {
                return Reply::failed(Fault::SessionLost, trouble);
            }
        }
    }

    /// This thread's session, opened if need be.
    pub fn session(&mut self) -> Result<&Session, Trouble> {
        let login = self.token.logins();
        if self.login != login {
            self.session = None;
        }
        if self.session.is_none() {
            self.login = login;
            self.session = Some(self.token.open_session()?);
        }
        self.session.as_ref().ok_or(Trouble::Ours(Fault::SessionLost, "no session"))
    }
}

const fn heals(class: Class) -> bool {
    match class {
        Class::Ambiguous | Class::Handle | Class::Pin | Class::Session | Class::Token => true,
        Class::Caller | Class::Cryptographic | Class::Lacking => false,
    }
}
