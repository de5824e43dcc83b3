//! Sessions: many at once, closed ones, and what they leave behind.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use crate::desk::{Desk, Trouble, code, passing};
use crate::report::Answer;

const THREADS: usize = 8;
const ROUNDS: usize = 100;
const SECRET: [u8; 32] = [0x5e; 32];

pub fn objects_end(desk: &Desk) -> Result<Answer, Trouble> {
    const LABEL: &[u8] = b"hsm-test ends with its session";
    let label = || Attribute::Label(LABEL.to_vec());
    let other = desk.another()?;
    let template =
        [vec![Attribute::KeyType(KeyType::GENERIC_SECRET), Attribute::Value(SECRET.to_vec()), label()], passing()];
    other.create_object(&template.concat()).map_err(|error| Trouble::before("putting a key in", &error))?;
    other.close()?;
    let left = desk.session.find_objects(&[label()])?.len();
    Ok(if left == 0 { Answer::Does } else { Answer::wrong(format!("{left} objects of a closed session are left")) })
}

/// One of these codes, which tell the broker what to do; another one is not wrong, but will be told.
fn refused_as<T>(outcome: Result<T, Error>, right: &[RvError], otherwise: &str) -> Answer {
    match outcome {
        Ok(_) => Answer::wrong(otherwise),
        Err(Error::Pkcs11(code, _)) if right.contains(&code) => Answer::Does,
        Err(error) => Answer::Refuses { code: code(&error) },
    }
}

pub fn destroyed_is_refused(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&SECRET, &[])?;
    desk.session.destroy_object(key)?;
    let outcome = desk.session.encrypt(&Mechanism::AesCbc([0; 16]), key, &SECRET);
    Ok(refused_as(outcome, &[RvError::KeyHandleInvalid, RvError::ObjectHandleInvalid], "a destroyed key works"))
}

pub fn thirty_two(desk: &Desk) -> Result<Answer, Trouble> {
    let sessions = (0..32).map(|_| desk.another()).collect::<Result<Vec<_>, _>>()?;
    for session in &sessions {
        session.get_session_info()?;
    }
    Ok(Answer::Does)
}

/// Wraps, and unwraps again.
fn round_trip(session: &Session, kek: ObjectHandle) -> Result<bool, Error> {
    let template = [vec![Attribute::KeyType(KeyType::GENERIC_SECRET)], passing()].concat();
    let with_value = [template.clone(), vec![Attribute::Value(SECRET.to_vec())]].concat();
    let data = session.create_object(&with_value)?;
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, kek, data)?;
    session.destroy_object(data)?;
    let data = session.unwrap_key(&Mechanism::AesKeyWrap, kek, &wrapped, &template)?;
    let value = session.get_attributes(data, &[cryptoki::object::AttributeType::Value])?;
    session.destroy_object(data)?;
    Ok(value == [Attribute::Value(SECRET.to_vec())])
}

/// Each thread with a session of its own; all begin at once.
fn on_threads(
    desk: &Desk,
    threads: usize,
    work: impl Fn(Session, usize) -> Result<bool, Error> + Sync,
) -> Result<Answer, Trouble> {
    let sessions = (0..threads).map(|_| desk.another()).collect::<Result<Vec<_>, _>>()?;
    let (start, wrong) = (Barrier::new(threads), AtomicUsize::new(0));
    let refusals: Vec<Error> = std::thread::scope(|scope| {
        let begin = |(number, session)| {
            let (start, wrong, work) = (&start, &wrong, &work);
            scope.spawn(move || {
                start.wait();
                let well = work(session, number)?;
                wrong.fetch_add(usize::from(!well), Ordering::Relaxed);
                Ok(())
            })
        };
        let all: Vec<_> = sessions.into_iter().enumerate().map(|(number, session)| begin((number, session))).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()?.err()).collect()
    });
    match refusals.into_iter().next() {
        Some(error) => Err(error.into()),
        None if wrong.into_inner() > 0 => Ok(Answer::wrong("what was wrapped does not come back")),
        None => Ok(Answer::Does),
    }
}

pub fn threads_work(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&SECRET, &[])?;
    on_threads(desk, THREADS, |session, _| (0..ROUNDS).try_fold(true, |well, _| Ok(well & round_trip(&session, kek)?)))
}

pub fn threads_generate(desk: &Desk) -> Result<Answer, Trouble> {
    on_threads(desk, 4, |session, _| {
        let public = [Attribute::Token(false), Attribute::ModulusBits(2048.into())];
        let private = [Attribute::Token(false), Attribute::Sensitive(true), Attribute::Sign(true)];
        let mut moduli = Vec::new();
        for _ in 0..2 {
            let (public, _) = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
            moduli.push(session.get_attributes(public, &[cryptoki::object::AttributeType::Modulus])?);
        }
        Ok(moduli[0] != moduli[1])
    })
}

/// Half of the threads work, the others open and close sessions.
pub fn close_while_others_work(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&SECRET, &[])?;
    let (module, slot) = (desk.module.clone(), desk.slot);
    on_threads(desk, THREADS, |session, number| {
        for _ in 0..ROUNDS {
            if number % 2 == 0 {
                if !round_trip(&session, kek)? {
                    return Ok(false);
                }
            } else {
                module.open_rw_session(slot)?.close()?;
            }
        }
        Ok(true)
    })
}

/// Only where the token is ours: a given one might lock its PIN. The parent sees to that.
pub fn wrong_pin(desk: &Desk) -> Result<Answer, Trouble> {
    desk.session.logout()?;
    let outcome = desk.session.login(UserType::User, Some(&AuthPin::from("not-the-pin".to_owned())));
    Ok(refused_as(outcome, &[RvError::PinIncorrect], "a wrong PIN logs in"))
}
