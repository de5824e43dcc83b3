//! One look at all objects of a token when its worker begins, so that a key's first use need not look for it: a search by
//! name takes SoftHSM 0.3 s where it holds 10 000 objects, each time.

use std::collections::HashMap;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::handles::Part;
use super::login::Token;
use crate::wire::ObjectName;

/// Most objects that are looked at; those beyond are found when they are used.
const OBJECTS_MAX: usize = 32_768;

/// Remembers the objects that this broker may have made. Beside the sessions at work, on the one that logged in; whatever
/// goes wrong is no harm, for a key that is not remembered is looked for, and a handle that is stale is forgotten.
pub fn sweep(token: &Token) {
    let Some(session) = token.take_first_session() else { return };
    let seen = token.logins();
    let found = all(&session);
    // A login since then has made the handles another's.
    if token.logins() == seen {
        for ((name, part), handle) in found {
            if let Some(handle) = handle
                && token.handles.get(&name, part).is_none()
            {
                token.handles.keep(&name, part, handle);
            }
        }
    }
    std::mem::forget(session);
}

/// Each name's object; none where several have it, for nobody knows which is meant.
fn all(session: &Session) -> HashMap<(ObjectName, Part), Option<ObjectHandle>> {
    let mut found = HashMap::new();
    let Ok(objects) = session.find_objects(&[Attribute::Token(true)]) else { return found };
    for handle in objects.into_iter().take(OBJECTS_MAX) {
        if let Some(key) = name_of(session, handle) {
            found.entry(key).and_modify(|handle| *handle = None).or_insert(Some(handle));
        }
    }
    found
}

fn name_of(session: &Session, handle: ObjectHandle) -> Option<(ObjectName, Part)> {
    let wanted = [AttributeType::Class, AttributeType::Id, AttributeType::Label];
    let attributes = session.get_attributes(handle, &wanted).ok()?;
    let [Attribute::Class(class), Attribute::Id(id), Attribute::Label(label)] = &attributes[..] else { return None };
    let part = match *class {
        ObjectClass::PRIVATE_KEY => Part::Private,
        ObjectClass::PUBLIC_KEY => Part::Public,
        ObjectClass::SECRET_KEY => Part::Secret,
        _ => return None,
    };
    let name = ObjectName { id: id[..].try_into().ok()?, label: String::from_utf8(label.clone()).ok()? };
    Some((name, part))
}
