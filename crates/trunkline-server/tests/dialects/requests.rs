//! What clients may say, field by field, and what becomes of it.

use trunkline_hub::{Command, CommandError, Epoch, HistoryFilter, StreamPosition, SubscribeRights};
use trunkline_server::dialect::centrifugo::{
    Action, BadFrame, Encoding, Incoming, Request, SubscribeRequest,
};

use crate::{decode, one, refused};

fn action(frame: &str) -> Action<'_> {
    match one(frame).request {
        Request::Action(action) => action,
        other => panic!("no action: {other:?}"),
    }
}

fn subscribe(frame: &str) -> Box<SubscribeRequest<'_>> {
    match one(frame).request {
        Request::Subscribe(request) => request,
        other => panic!("no subscribe: {other:?}"),
    }
}

#[test]
fn a_frame_holds_one_or_several_commands() {
    let ids = |frame: &'static str| -> Vec<_> {
        decode(Encoding::Json, frame).iter().map(|it| it.id).collect()
    };
    assert_eq!(ids(r#"{"id":1,"ping":{}}"#), [1]);
    assert_eq!(ids("{\"id\":1,\"ping\":{}}\n"), [1]);
    assert_eq!(ids("{\"id\":1,\"ping\":{}}\n{\"id\":2,\"ping\":{}}"), [1, 2]);
    assert_eq!(ids("{\"id\":1,\"ping\":{}}\r\n {\"id\":2 , \"ping\":{\"x\":[]} }\t\n"), [1, 2]);
    let binary = [4, 8, 1, 0x5a, 0, 0, 4, 8, 2, 0x5a, 0];
    let all = decode(Encoding::Protobuf, &binary);
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(all[1].request, Request::Pong);
}

#[test]
fn an_empty_command_is_a_pong() {
    assert_eq!(one("{}"), Incoming { id: 0, request: Request::Pong });
    assert_eq!(decode(Encoding::Protobuf, &[0]), [one("{}")]);
    assert_eq!(one(r#"{"id":0,"presence":{"channel":"x"}}"#).request, Request::Pong);
    assert!(matches!(action(r#"{"send":{"data":1}}"#), Action::Send { data: b"1" }));
}

#[test]
fn what_is_not_known_is_passed_over() {
    let known = r#"{"id":3,"publish":{"channel":"a","data":{}}}"#;
    let more = r#"{"new":{"a":[{}]},"id":3,"publish":{"key":"k","channel":"a","removed":false,"data":{}}}"#;
    assert_eq!(one(known), one(more));
    assert_eq!(one(r#"{"id":3,"nosuch":{}}"#).request, Request::Unknown);
    assert_eq!(one(r#"{"id":3}"#).request, Request::Unknown);
    assert_eq!(one(r#"{"id":3,"Publish":{"channel":"a"}}"#).request, Request::Unknown);
    assert_eq!(one(r#"{"id":3,"ping":{}}"#).request, Request::Ping);
    // Field 100, each wire type; then id 3 and a ping.
    let mut binary = vec![0xa0, 6, 1, 0xa1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0xa2, 6, 1, 9];
    binary.extend([0xa5, 6, 0, 0, 0, 0, 8, 3, 0x5a, 0]);
    binary.insert(0, binary.len() as u8);
    assert_eq!(decode(Encoding::Protobuf, &binary), [one(r#"{"id":3,"ping":{}}"#)]);
}

#[test]
fn null_stands_for_what_is_left_out() {
    let frame = r#"{"id":3,"connect":null,"subscribe":{"channel":"a","token":null,"recover":null,"epoch":null,
        "offset":null,"tf":null,"flag":null}}"#
        .replace('\n', " ");
    let request = *subscribe(&frame);
    assert_eq!(request, *subscribe(r#"{"id":3,"subscribe":{"channel":"a"}}"#));
    assert_eq!(one(r#"{"id":null}"#).request, Request::Pong);
}

#[test]
fn payloads_are_taken_as_they_stand() {
    for data in
        ["null", "1", r#""a\n\u00e9\ud800""#, "[ 1 , {} ]", "-0.5e+7", r#"{"a":{"a":1,"a":2}}"#]
    {
        let frame = format!(r#"{{"id":3,"publish":{{"channel":"a","data": {data} }}}}"#);
        let Action::Publish(request) = action(&frame) else { panic!() };
        assert_eq!(request.data, data.as_bytes());
    }
    let Action::Rpc { method, data } = action(r#"{"id":3,"rpc":{"method":"m","data":[]}}"#) else {
        panic!()
    };
    assert_eq!((&*method, data), ("m", &b"[]"[..]));
}

#[test]
fn names_may_be_escaped_in_any_way() {
    let frame = r#"{"\u0069d":3,"pu\u0062lish":{"channel":"\u0061\/b:\ud83d\ude00","data":1}}"#;
    let Action::Publish(request) = action(frame) else { panic!() };
    assert_eq!(request.channel, "a/b:😀");
}

#[test]
fn connect_says_who_and_where() {
    let frame =
        r#"{"id":1,"connect":{"token":"t","data":{"k":1},"name":"js","version":"1.2","flag":1,
        "headers":{"x-a":"b"},"subs":{"news":{"recover":true,"epoch":"abcd","offset":9},
        "other":{"recover":false,"offset":9},"no name":{"recover":true}}}}"#
            .replace('\n', " ");
    let Request::Connect(it) = one(&frame).request else { panic!() };
    assert_eq!(
        (&*it.token, it.data, &*it.name, &*it.version),
        ("t", &br#"{"k":1}"#[..], "js", "1.2")
    );
    assert_eq!(it.headers, [("x-a".into(), "b".into())]);
    let positions = it.positions();
    assert_eq!(positions.len(), 1, "of those who recover, and whose channel has a name");
    assert_eq!(positions[0].0.as_str(), "news");
    let position = StreamPosition { offset: 9, epoch: Epoch::parse("abcd").unwrap() };
    assert_eq!(positions[0].1, position);
}

#[test]
fn subscribe_becomes_a_command() {
    let frame = r#"{"id":1,"subscribe":{"channel":"a","recover":true,"epoch":"abcd","offset":7,"positioned":true,
        "recoverable":true,"join_leave":true,"delta":"fossil","flag":2,"data":{}}}"#
        .replace('\n', " ");
    let rights = SubscribeRights { expire_at: Some(5), ..Default::default() };
    let command = subscribe(&frame).into_command(Some(rights.clone())).unwrap();
    let Command::Subscribe(it) = command else { panic!() };
    assert_eq!((it.channel.as_str(), it.token), ("a", Some(rights)));
    let epoch = Epoch::parse("abcd").unwrap();
    assert_eq!(it.recover, Some(StreamPosition { offset: 7, epoch }));
    assert!(it.positioned && it.recoverable && it.join_leave && it.reject_unrecovered);

    let plain = subscribe(r#"{"id":1,"subscribe":{"channel":"a","offset":7}}"#);
    let Command::Subscribe(it) = plain.into_command(None).unwrap() else { panic!() };
    assert_eq!(it.recover, None);
    assert!(!(it.positioned || it.recoverable || it.join_leave || it.reject_unrecovered));
}

#[test]
fn an_epoch_that_is_too_long_is_nobodys() {
    let epoch = format!("{}é", "x".repeat(22));
    let frame =
        format!(r#"{{"id":1,"subscribe":{{"channel":"a","recover":true,"epoch":"{epoch}"}}}}"#);
    let Command::Subscribe(it) = subscribe(&frame).into_command(None).unwrap() else { panic!() };
    assert_eq!(it.recover.unwrap().epoch.as_str(), "x".repeat(22));
}

#[test]
fn what_we_do_not_have_is_refused_with_an_error() {
    let refused = |frame: &'static str| subscribe(frame).into_command(None).unwrap_err();
    for kind in 1..5 {
        let frame = format!(r#"{{"id":1,"subscribe":{{"channel":"a","type":{kind}}}}}"#);
        let error = subscribe(&frame).into_command(None).unwrap_err();
        assert_eq!(error, CommandError::NotAvailable);
    }
    let filtered = r#"{"id":1,"subscribe":{"channel":"a","tf":{"key":"k","cmp":"eq","val":"v"}}}"#;
    assert_eq!(refused(filtered), CommandError::BadRequest);
    assert_eq!(refused(r#"{"id":1,"subscribe":{"channel":"é"}}"#), CommandError::BadRequest);
    let long = format!(r#"{{"id":1,"subscribe":{{"channel":"{}"}}}}"#, "x".repeat(256));
    assert_eq!(subscribe(&long).into_command(None).unwrap_err(), CommandError::BadRequest);
    let error = |frame: &'static str| action(frame).into_command().unwrap_err();
    assert_eq!(error(r#"{"id":1,"publish":{"channel":"a"}}"#), CommandError::BadRequest);
    let map = r#"{"id":1,"publish":{"channel":"a","data":1,"type":1}}"#;
    assert_eq!(error(map), CommandError::NotAvailable);
    assert_eq!(error(r#"{"id":1,"presence":{"channel":"a>"}}"#), CommandError::BadRequest);
}

#[test]
fn history_asks_for_a_part() {
    let filter = |rest: &str| {
        let frame = format!(r#"{{"id":1,"history":{{"channel":"a"{rest}}}}}"#);
        let Command::History(it) = action(&frame).into_command().unwrap() else { panic!() };
        it.filter
    };
    let nothing = HistoryFilter { limit: Some(0), since: None, reverse: false };
    assert_eq!(filter(""), nothing);
    assert_eq!(filter(r#","limit":-1"#), HistoryFilter { limit: None, ..nothing });
    assert_eq!(filter(r#","limit":5,"since":null"#), HistoryFilter { limit: Some(5), ..nothing });
    let since = StreamPosition { offset: 3, epoch: Epoch::parse("e").unwrap() };
    let reversed = HistoryFilter { limit: Some(0), since: Some(since), reverse: true };
    assert_eq!(filter(r#","since":{"offset":3,"epoch":"e"},"reverse":true"#), reversed);
    let beginning = Some(StreamPosition { offset: 0, epoch: Epoch::NONE });
    assert_eq!(filter(r#","since":{}"#), HistoryFilter { since: beginning, ..nothing });
}

#[test]
fn tokens_are_handed_on() {
    let refresh = Request::Refresh { token: "t".into() };
    assert_eq!(one(r#"{"id":1,"refresh":{"token":"t"}}"#).request, refresh);
    let Request::SubRefresh(it) =
        one(r#"{"id":1,"sub_refresh":{"channel":"a","token":"t"}}"#).request
    else {
        panic!()
    };
    assert_eq!(it.token, "t");
    let rights = SubscribeRights { expire_at: Some(1), ..Default::default() };
    let Command::SubRefresh { channel, rights: given } = it.into_command(rights.clone()).unwrap()
    else {
        panic!()
    };
    assert_eq!((channel.as_str(), given), ("a", rights));
}

#[test]
fn the_other_actions_become_commands() {
    let command = |frame: &'static str| action(frame).into_command().unwrap();
    let it = command(r#"{"id":1,"unsubscribe":{"channel":"a"}}"#);
    assert!(matches!(it, Command::Unsubscribe { channel } if channel.as_str() == "a"));
    let it = command(r#"{"id":1,"presence":{"channel":"a"}}"#);
    assert!(matches!(it, Command::Presence { channel } if channel.as_str() == "a"));
    let it = command(r#"{"id":1,"presence_stats":{"channel":"a"}}"#);
    assert!(matches!(it, Command::PresenceStats { channel } if channel.as_str() == "a"));
    let it = command(r#"{"id":1,"publish":{"channel":"a","data":[1]}}"#);
    assert!(matches!(it, Command::Publish { data, .. } if data == "[1]"));
    let it = command(r#"{"id":1,"rpc":{"method":"m","data":2}}"#);
    assert!(matches!(it, Command::Rpc { method, data } if &*method == "m" && data == "2"));
    let it = command(r#"{"send":{"data":3}}"#);
    assert!(matches!(it, Command::Send { data } if data == "3"));
}

#[test]
fn a_channel_has_to_be_named() {
    for request in [
        "subscribe",
        "unsubscribe",
        "publish",
        "presence",
        "presence_stats",
        "history",
        "sub_refresh",
    ] {
        let frame = format!(r#"{{"id":1,"{request}":{{"channel":""}}}}"#);
        assert_eq!(refused(Encoding::Json, frame), (0, BadFrame::NoChannel));
        let frame = format!(r#"{{"id":1,"{request}":{{}}}}"#);
        assert_eq!(refused(Encoding::Json, frame), (0, BadFrame::NoChannel));
    }
}

#[test]
fn commands_before_a_bad_one_stand() {
    let frame = "{\"id\":1,\"ping\":{}}\n{\"id\":2,\"ping\":{}}\n{\"id\":3\n{}";
    assert_eq!(refused(Encoding::Json, frame).0, 2);
    assert_eq!(refused(Encoding::Protobuf, [4, 8, 1, 0x5a, 0, 1, 8, 0]).0, 1);
}
