//! Messages that are nested, truncated, oversized or nonsense cost little, are refused in order, and leave the broker serving.

use std::time::{Duration, Instant};

use broker_front_kmip::name::Tag;
use broker_front_kmip::table::{Operation, ResultReason};
use broker_front_kmip::ttlv::{Item, Value};
use keybroker_tests::Broker;
use keybroker_tests::kmip::payload::{ask, request};

use keybroker_tests::desk::{kmip, owner, speak};

/// What the process may grow by while it is lied to, in bytes: some messages of a megabyte, parsed, and no more.
const GROWTH_MAX: u64 = 64 * 1024 * 1024;

fn header(kind: u8, length: u32) -> Vec<u8> {
    [&[0x42, 0x00, 0x78, kind], &length.to_be_bytes()[..]].concat()
}

/// The reasons that a response gives, item by item.
fn reasons(response: &[u8]) -> Vec<Option<ResultReason>> {
    let reason = |item: &Item| match item.find(Tag::ResultReason).map(|reason| &reason.value) {
        Some(Value::Enumeration(reason)) => ResultReason::from_u32(*reason),
        _ => None,
    };
    let answer = Item::decode(response).unwrap();
    answer.items().iter().filter(|item| item.tag == Tag::BatchItem).map(reason).collect()
}

fn discover() -> Item {
    ask(Operation::DiscoverVersions, Vec::new())
}

/// What the process holds in memory (proc(5), VmRSS).
fn memory_bytes(broker: &Broker) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", broker.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn lies_about_lengths_and_depths_cost_neither_memory_nor_time() {
    let broker = kmip(&[]).start();
    let client = owner(&broker, "hostile");
    speak(&client).create(None);
    let (before, began) = (memory_bytes(&broker), Instant::now());
    let speaker = speak(&client);
    // A megabyte of structures in structures; of empty items; of one child that claims four gigabytes.
    let deep: Vec<u8> = (1..=100_000_u32).rev().flat_map(|left| header(1, (left - 1) * 8)).collect();
    let flat = [&header(1, 800_000)[..], &[0x42, 0x00, 0x0f, 1, 0, 0, 0, 0].repeat(100_000)].concat();
    let lie = [&header(1, 16)[..], &header(8, u32::MAX), &[0; 8]].concat();
    for round in 0..10 {
        for message in [&deep, &flat, &lie] {
            let answer = speaker.ask(message).0;
            assert_eq!(reasons(&answer), [Some(ResultReason::InvalidMessage)], "round {round}");
            assert!(answer.len() < 512);
        }
    }
    // Connections that promise a megabyte each and send eight bytes.
    let waiting: Vec<_> = (0..100).map(|_| speak(&client)).collect();
    waiting.iter().for_each(|speaker| speaker.0.write(&header(1, (1 << 20) - 8)).unwrap());
    let grown = memory_bytes(&broker).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} bytes more than before");
    assert!(began.elapsed() < Duration::from_secs(30));
    speak(&client).create(None);
}

#[test]
fn what_cannot_be_served_is_refused_with_its_reason_in_the_clients_own_version() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "odd"));
    let many: Vec<Item> = (0..65).map(|_| discover()).collect();
    let asynchronous = vec![Item::boolean(Tag::AsynchronousIndicator, true)];
    let small = vec![Item::integer(Tag::MaximumResponseSize, 100)];
    let unknown = Item::structure(Tag::BatchItem, vec![Item::enumeration(Tag::Operation, 0x8000_0001)]);
    let encrypt = ask(Operation::Encrypt, vec![Item::byte_string(Tag::Data, [1])]);
    let rows = [
        (request(2, Vec::new(), many), ResultReason::InvalidMessage),
        (request(3, asynchronous, vec![discover()]), ResultReason::FeatureNotSupported),
        (request(4, small, vec![discover()]), ResultReason::ResponseTooLarge),
        (request(2, Vec::new(), vec![unknown]), ResultReason::OperationNotSupported),
        (request(2, Vec::new(), vec![ask(Operation::Poll, Vec::new())]), ResultReason::OperationNotSupported),
        (request(1, Vec::new(), vec![encrypt.clone()]), ResultReason::OperationNotSupported),
        (request(2, Vec::new(), vec![encrypt]), ResultReason::MissingData),
        (request(7, Vec::new(), vec![discover()]), ResultReason::InvalidMessage),
        (Item::structure(Tag::RequestMessage, Vec::new()), ResultReason::MissingData),
    ];
    for (request, reason) in rows {
        let answer = speaker.ask(&request.encode()).0;
        assert_eq!(reasons(&answer), [Some(reason)], "{request:?}");
        let version = |message: &Item, tag| {
            let header = message.find(tag)?.find(Tag::ProtocolVersion)?;
            header.find(Tag::ProtocolVersionMinor).map(|minor| minor.value.clone())
        };
        let spoken = version(&request, Tag::RequestHeader).filter(|minor| *minor != Value::Integer(7));
        let answered = version(&Item::decode(&answer).unwrap(), Tag::ResponseHeader);
        assert_eq!(answered, Some(spoken.unwrap_or(Value::Integer(4))));
    }
}

#[test]
fn a_batch_stops_at_its_first_failure_or_goes_on_as_it_asks() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "batch"));
    let wrong = || ask(Operation::Get, vec![Item::text(Tag::UniqueIdentifier, "none")]);
    let asks = || vec![discover(), wrong(), discover()];
    let outcome = |option: Option<u32>| {
        let extra = option.map(|option| Item::enumeration(Tag::BatchErrorContinuationOption, option));
        reasons(&speaker.ask(&request(4, extra.into_iter().collect(), asks()).encode()).0)
    };
    let refused = Some(ResultReason::ItemNotFound);
    assert_eq!(outcome(None), [None, refused]);
    assert_eq!(outcome(Some(2)), [None, refused]);
    assert_eq!(outcome(Some(1)), [None, refused, None]);
}

#[test]
fn a_response_never_exceeds_what_the_client_takes() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "small"));
    for _ in 0..20 {
        speaker.create(None);
    }
    let locate = || ask(Operation::Locate, Vec::new());
    let with = |most: i32| {
        let most = vec![Item::integer(Tag::MaximumResponseSize, most)];
        speaker.ask(&request(4, most, vec![locate()]).encode()).0
    };
    assert_eq!(reasons(&with(600)), [Some(ResultReason::ResponseTooLarge)]);
    assert!(with(600).len() <= 600);
    assert_eq!(reasons(&with(4096)), [None]);
}
