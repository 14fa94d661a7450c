//! Messages that are answered as they come: what is taken, what leaves, and what ends it.

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use trunkline::testing::{PipeControl, pipe};
use trunkline::{Batch, CloseCode, Limit, Message, QueueErrorKind, Role, SendErrorKind, WebSocket};

use support::*;

type Piped = WebSocket<trunkline::testing::Pipe>;

/// Our end, what controls it, and the peer's end, which keeps the pipe open.
async fn piped(role: Role, high_water: usize) -> (Piped, PipeControl, trunkline::testing::Pipe) {
    let (end, mut raw) = pipe(1 << 20);
    let control = end.control();
    let set = |settings: &mut trunkline::limits::Settings| {
        settings.limits.send_high_water_bytes = Limit::at_most(high_water);
    };
    let ours = with_raw_peer(role, set, end, &mut raw).await;
    control.take_written();
    (ours, control, raw)
}

fn said(role: Role, texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| frame(role.peer(), TEXT, text.as_bytes())).collect()
}

/// However many messages a read brings, and however many answers they have, one write takes them all.
#[tokio::test]
async fn answers_to_one_read_leave_in_one_write() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 64 << 10).await;
        control.push(&said(role, &["none", "one", "two", "none", "two"]));
        let before = control.writes();
        let answered = poll_up_to(
            3,
            ours.answer(|message, answers| {
                let text = message.as_text().unwrap();
                let times = ["none", "one", "two"].iter().position(|it| *it == text).unwrap();
                (0..times).try_for_each(|_| answers.feed(text))
            }),
        );
        assert!(answered.is_none(), "the peer may go on");
        assert_eq!(control.writes() - before, 1);
        let expect = ["one", "two", "two", "two", "two"].map(text);
        assert_eq!(replay(role, &control.take_written()), expect);
    }
}

/// Whole and small, in fragments with a ping between them, large, and cut anywhere: in their order.
#[tokio::test]
async fn messages_of_every_kind_are_answered_in_their_order_wherever_they_are_cut() {
    for role in ROLES {
        let from = role.peer();
        let large = vec![9; 10_000];
        let bytes = [
            said(role, &["whole"]),
            frame(from, 0x01, b"in "),
            frame(from, PING, b"?"),
            frame(from, 0x80, b"parts"),
            frame(from, BINARY, &large),
            said(role, &["last"]),
        ]
        .concat();
        let pong = frame(role, PONG, b"?").len();
        for cut in (0..40).chain([5000, bytes.len() - 7, bytes.len() - 1]) {
            let (mut ours, control, _raw) = piped(role, 64 << 10).await;
            let mut answering = pin!(ours.answer(|message, answers| answers.feed(message)));
            let mut cx = Context::from_waker(Waker::noop());
            for part in [&bytes[..cut], &bytes[cut..]] {
                control.push(part);
                assert!(answering.as_mut().poll(&mut cx).is_pending());
            }
            let written = control.take_written();
            assert!(written.len() > pong);
            let expect = [
                text("whole"),
                text("in parts"),
                Heard::Message(Message::binary(large.clone())),
                text("last"),
            ];
            let heard = replay(role, &written);
            let messages: Vec<_> =
                heard.into_iter().filter(|it| matches!(it, Heard::Message(_))).collect();
            assert_eq!(messages, expect, "{role:?}, cut at {cut}");
        }
    }
}

/// What `answer` gives ends it; what came behind is received by whoever receives next.
#[tokio::test]
async fn error_of_an_answer_ends_it_and_the_connection_goes_on() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 1).await;
        control.push(&said(role, &["two answers", "behind"]));
        let error = ours
            .answer(|_, answers| {
                answers.feed("first")?;
                assert!(!answers.has_room());
                answers.feed(String::from("second"))
            })
            .await
            .unwrap_err();
        let full = SendErrorKind::Refused(QueueErrorKind::Full);
        assert_eq!(format!("{:?}", error.kind()), format!("{full:?}"));
        assert_eq!(error.into_message(), Some(Message::text("second")));
        assert_eq!(ours.recv().await.unwrap(), Some(Message::text("behind")));
        ours.flush().await.unwrap();
        assert_eq!(replay(role, &control.take_written()), [text("first")]);
    }
}

/// SEC-CT-03: a pong may take what room there was between two messages of one read; the answer fits all the same.
#[tokio::test]
async fn first_answer_has_room_whatever_pongs_wait() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 20).await;
        control.set_room(0);
        let ping = frame(role.peer(), PING, &[b'p'; 125]);
        control.push(&[said(role, &["1"]), ping, said(role, &["2"])].concat());
        let mut answering = pin!(ours.answer(|message, answers| answers.feed(message)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(answering.as_mut().poll(&mut cx).is_pending());
        control.set_room(1 << 20);
        assert!(answering.as_mut().poll(&mut cx).is_pending());
        let heard = replay(role, &control.take_written());
        assert_eq!(heard.first(), Some(&text("1")));
        assert_eq!(heard.last(), Some(&text("2")));
    }
}

/// A close behind messages is heard when they have been answered.
#[tokio::test]
async fn closing_handshake_of_the_peer_ends_it_behind_the_last_answer() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 64 << 10).await;
        control.push(&[said(role, &["1", "2"]), close_frame(role.peer(), 1000, "bye")].concat());
        control.end_reads();
        ours.answer(|message, answers| answers.feed(message)).await.unwrap();
        assert_eq!(ours.close_info().unwrap().code, Some(CloseCode::NORMAL));
        let heard = replay(role, &control.take_written());
        assert_eq!(heard[..2], [text("1"), text("2")]);
        assert!(ours.answer(|_, _| unreachable!("it is closed")).await.is_ok());
    }
}

/// Answers are refused once closing has begun on this side, for the peer would not read them.
#[tokio::test]
async fn answer_behind_our_own_close_is_refused() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 64 << 10).await;
        assert!(poll_up_to(1, ours.close(CloseCode::GOING_AWAY, "")).is_none());
        control.push(&said(role, &["too late"]));
        let error = ours.answer(|message, answers| answers.feed(message)).await.unwrap_err();
        assert!(error.is_closed());
    }
}

/// Of a text that lies there whole behind another, and is none (RFC 6455 §8.1), the peer is told at once: it need not
/// say another thing before. So it is with a batch.
#[tokio::test]
async fn s8_1_invalid_text_behind_a_message_is_told_without_another_byte() {
    for role in ROLES {
        for batches in [false, true] {
            let (mut ours, control, _raw) = piped(role, 64 << 10).await;
            control.push(&[said(role, &["good"]), frame(role.peer(), TEXT, b"\xff")].concat());
            let mut batch = Batch::new();
            if batches {
                assert_eq!(ours.recv_many(&mut batch).await.unwrap(), 1);
                ours.feed_all(&batch).await.unwrap();
                assert!(
                    poll_up_to(3, ours.recv_many(&mut batch)).is_none(),
                    "it waits for the end"
                );
            } else {
                let answering = ours.answer(|message, answers| answers.feed(message));
                assert!(poll_up_to(3, answering).is_none(), "it waits for the end");
            }
            let heard = replay(role, &control.take_written());
            assert_eq!(heard[0], text("good"));
            assert!(matches!(heard[1], Heard::Closed(Some(1007), _)), "{heard:?}");
        }
    }
}

/// A peer that breaks a rule behind a message gets the answer to that first, and then is told.
#[tokio::test]
async fn broken_rule_behind_a_message_ends_it_with_the_error() {
    for role in ROLES {
        let (mut ours, control, _raw) = piped(role, 64 << 10).await;
        control.push(&[said(role, &["good"]), frame(role.peer(), 0x83, b"reserved")].concat());
        control.end_reads();
        let error = ours.answer(|message, answers| answers.feed(message)).await.unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::Broken(trunkline::Error::Protocol(_))));
        let heard = replay(role, &control.take_written());
        assert_eq!(heard.first(), Some(&text("good")));
    }
}
