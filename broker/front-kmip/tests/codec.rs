//! Bytes become items and items bytes again, and nothing else becomes anything.
#![allow(clippy::unwrap_used)]

use broker_front_kmip::name::Tag;
use broker_front_kmip::ttlv::{DEPTH_MAX, ITEMS_MAX, Item, Malformed, TOO_LONG, Value, frame_bytes};
use proptest::prelude::*;
use zeroize::Zeroizing;

fn any_value(depth: u32) -> BoxedStrategy<Value> {
    let words = prop::collection::vec(any::<u64>(), 1..4);
    let leaf = prop_oneof![
        words.prop_map(|words| {
            Value::BigInteger(Zeroizing::new(words.iter().flat_map(|word| word.to_be_bytes()).collect()))
        }),
        any::<bool>().prop_map(Value::Boolean),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::ByteString(Zeroizing::new(bytes))),
        any::<i64>().prop_map(Value::DateTime),
        any::<u32>().prop_map(Value::Enumeration),
        any::<i32>().prop_map(Value::Integer),
        any::<u32>().prop_map(Value::Interval),
        any::<i64>().prop_map(Value::LongInteger),
        ".{0,20}".prop_map(|text| Value::TextString(Zeroizing::new(text))),
    ];
    leaf.prop_recursive(depth, 64, 8, |inner| {
        let item = (0_u32..0x0100_0000, inner).prop_map(|(tag, value)| Item { tag: Tag(tag), value });
        prop::collection::vec(item, 0..8).prop_map(Value::Structure)
    })
    .boxed()
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_written_again(tag in 0_u32..0x0100_0000, value in any_value(6)) {
        let item = Item { tag: Tag(tag), value };
        let bytes = item.encode();
        prop_assert_eq!(bytes.len(), item.bytes());
        let again = Item::decode(&bytes).unwrap();
        prop_assert_eq!(&again, &item);
        prop_assert_eq!(again.encode(), bytes);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _ = Item::decode(&bytes);
    }

    /// Changed or cut messages get far beyond the first header, which random bytes do not.
    #[test]
    fn a_changed_message_is_read_without_a_panic(
        value in any_value(6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Item { tag: Tag::RequestMessage, value }.encode().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(item) = Item::decode(&bytes) {
            prop_assert_eq!(item.bytes(), bytes.len());
            // Padding alone may differ from what is canonical.
            prop_assert_eq!(Item::decode(&item.encode()).unwrap(), item);
        }
        let length = cut.index(bytes.len());
        prop_assert!(Item::decode(&bytes[..length]).is_err());
    }
}

/// KMIP 1.4 section 9.1.2.
#[test]
fn the_standards_examples_are_read_and_written() {
    let hex = |text: &str| -> Vec<u8> {
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let tag = Tag::CompromiseDate;
    let big = 1_234_567_890_000_000_000_000_000_000_u128.to_be_bytes().to_vec();
    for (bytes, claim) in [
        ("42 00 20 | 02 | 00 00 00 04 | 00 00 00 08 00 00 00 00", Item::integer(tag, 8)),
        ("42 00 20 | 03 | 00 00 00 08 | 01 B6 9B 4B A5 74 92 00", Item::long_integer(tag, 123_456_789_000_000_000)),
        (
            "42 00 20 | 04 | 00 00 00 10 | 00 00 00 00 03 FD 35 EB 6B C2 DF 46 18 08 00 00",
            Item { tag, value: Value::BigInteger(Zeroizing::new(big)) },
        ),
        ("42 00 20 | 05 | 00 00 00 04 | 00 00 00 FF 00 00 00 00", Item::enumeration(tag, 255)),
        ("42 00 20 | 06 | 00 00 00 08 | 00 00 00 00 00 00 00 01", Item::boolean(tag, true)),
        (
            "42 00 20 | 07 | 00 00 00 0B | 48 65 6C 6C 6F 20 57 6F 72 6C 64 00 00 00 00 00",
            Item::text(tag, "Hello World"),
        ),
        ("42 00 20 | 08 | 00 00 00 03 | 01 02 03 00 00 00 00 00", Item::byte_string(tag, [1, 2, 3])),
        ("42 00 20 | 09 | 00 00 00 08 | 00 00 00 00 47 DA 67 F8", Item::date_time(tag, 1_205_495_800)),
        ("42 00 20 | 0A | 00 00 00 04 | 00 0D 2F 00 00 00 00 00", Item::interval(tag, 864_000)),
        (
            "42 00 20 | 01 | 00 00 00 20 | 42 00 04 | 05 | 00 00 00 04 | 00 00 00 FE 00 00 00 00
             | 42 00 05 | 02 | 00 00 00 04 | 00 00 00 FF 00 00 00 00",
            Item::structure(
                tag,
                vec![Item::enumeration(Tag::ApplicationSpecificInformation, 254), Item::integer(Tag::ArchiveDate, 255)],
            ),
        ),
    ] {
        assert_eq!(Item::decode(&hex(bytes)).unwrap(), claim);
        assert_eq!(*claim.encode(), hex(bytes));
    }
}

fn refused(bytes: &[u8]) -> Malformed {
    Item::decode(bytes).unwrap_err()
}

fn header(kind: u8, length: u32) -> Vec<u8> {
    [&[0x42, 0x00, 0x78, kind], &length.to_be_bytes()[..]].concat()
}

#[test]
fn a_length_is_believed_only_as_far_as_there_are_bytes() {
    for kind in 1..=10 {
        for length in [1, 8, 1 << 20, u32::MAX - 7, u32::MAX] {
            assert_eq!(refused(&header(kind, length)).at, 4, "{kind} {length}");
        }
    }
    // A child that reaches beyond its parent, into bytes that are there.
    let inner = Item::byte_string(Tag::Data, [7; 32]).encode();
    let outer = [&header(1, 24)[..], &inner].concat();
    assert_eq!(refused(&outer), Malformed { at: 12, problem: "a length beyond the end of what it is in" });
    assert_eq!(refused(&[&Item::integer(Tag::BatchCount, 1).encode()[..], &[0; 8]].concat()).at, 16);
    assert_eq!(refused(&header(7, 3)[..]).at, 4);
}

#[test]
fn types_have_their_own_lengths_and_values() {
    let with = |kind: u8, value: &[u8]| {
        let mut bytes = header(kind, u32::try_from(value.len()).unwrap());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        Item::decode(&bytes)
    };
    for (kind, good) in [(2, 4), (3, 8), (5, 4), (6, 8), (9, 8), (10, 4)] {
        for length in 0..20 {
            assert_eq!(with(kind, &vec![0; length]).is_ok(), length == good, "{kind} {length}");
        }
    }
    assert!(with(4, &[0; 8]).is_ok() && with(4, &[]).is_err() && with(4, &[0; 7]).is_err());
    assert!(with(6, &[0, 0, 0, 0, 0, 0, 0, 2]).is_err());
    assert!(with(7, &[0xff]).is_err() && with(7, "ß".as_bytes()).is_ok());
    assert!(with(0, &[]).is_err() && with(11, &[]).is_err());
}

#[test]
fn nesting_and_the_number_of_items_have_limits() {
    let nested = |depth: usize| {
        (0..depth).fold(Item::integer(Tag::BatchCount, 1), |item, _| Item::structure(Tag::RequestMessage, vec![item]))
    };
    assert!(Item::decode(&nested(DEPTH_MAX).encode()).is_ok());
    assert_eq!(refused(&nested(DEPTH_MAX + 1).encode()).problem, "structures nested too deep");
    // A megabyte of nothing but headers, each inside the one before.
    let deep: Vec<u8> = (1..=131_072_u32).rev().flat_map(|left| header(1, (left - 1) * 8)).collect();
    assert_eq!(refused(&deep).problem, "structures nested too deep");

    let flat = |items: usize| Item::structure(Tag::RequestMessage, vec![Item::text(Tag::Name, ""); items]);
    assert!(Item::decode(&flat(ITEMS_MAX - 1).encode()).is_ok());
    assert_eq!(refused(&flat(ITEMS_MAX).encode()).problem, "too many items in one message");
}

#[test]
fn a_frame_is_measured_by_its_first_eight_bytes() {
    let frame = |bytes: &[u8]| frame_bytes(bytes.try_into().unwrap(), 1 << 20);
    assert_eq!(frame(&header(1, 0)), Ok(8));
    assert_eq!(frame(&header(1, (1 << 20) - 8)), Ok(1 << 20));
    for length in [1 << 20, u32::MAX, u32::MAX - 7] {
        assert_eq!(frame(&header(1, length)), Err(Malformed { at: 4, problem: TOO_LONG }));
    }
    assert_eq!(frame(&header(1, 4)).unwrap_err().at, 4);
    assert_eq!(frame(&header(2, 8)).unwrap_err().at, 3);
    assert_eq!(frame(b"GET / HT").unwrap_err().at, 0);
    assert_eq!(frame(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]).unwrap_err().at, 0);
}

#[test]
fn a_printed_item_tells_no_bytes() {
    let item = Item::structure(Tag::KeyValue, vec![Item::byte_string(Tag::KeyMaterial, *b"hunter22")]);
    let printed = format!("{item:?} {:?}", Item::text(Tag::Password, "hunter22"));
    assert!(printed.contains("8 bytes") && !printed.contains("hunter22") && !printed.contains("104"), "{printed}");
}
