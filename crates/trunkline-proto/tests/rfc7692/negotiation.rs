//! §5 and §7.1: agreeing on parameters.

use trunkline_proto::deflate::{DeflateConfig, DeflateParams, DeflateRefused, Memory};
use trunkline_proto::handshake::Extension;

use crate::support::*;

/// An element as it stands in the header; the real parser is the handshake's business.
pub(crate) fn extension(element: &str) -> Extension {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let params = parts.map(|param| match param.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (param.to_owned(), None),
    });
    Extension::new(name, params.collect())
}

/// Takes everything: takeover both ways and the largest windows.
fn lavish() -> DeflateConfig {
    DeflateConfig::new().context_takeover(true).window_bits(bits(15)).peer_window_bits(bits(15))
}

fn answer(config: &DeflateConfig, offers: &[&str]) -> Option<(DeflateParams, String)> {
    let offers: Vec<Extension> = offers.iter().map(|it| extension(it)).collect();
    config.negotiate(&offers)
}

#[track_caller]
fn check(config: &DeflateConfig, offer: &str, expect: Option<&str>) {
    let answer = answer(config, &[offer]).map(|(_, element)| element);
    assert_eq!(answer.as_deref(), expect, "{offer}");
}

#[track_caller]
fn check_response(config: &DeflateConfig, response: &str, expect: Result<&str, DeflateRefused>) {
    let got = config.accept_response(&extension(response)).map(|it| {
        let flag = |on| if on { "alone" } else { "takeover" };
        format!(
            "server {} {}, client {} {}",
            flag(it.server_no_context_takeover),
            it.server_max_window_bits,
            flag(it.client_no_context_takeover),
            it.client_max_window_bits
        )
    });
    assert_eq!(got.as_deref(), expect.as_ref().copied(), "{response}");
}

/// SEC-PD-05: an offer with a value that is none, a parameter twice, or an unknown one is declined.
#[test]
fn s7_1_invalid_offers_are_declined() {
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in ["7", "16", "08", "015", "", " ", "+9", "-9", "1", "255", "264", "10.", "x"] {
            check(&lavish(), &format!("permessage-deflate; {name}={value}"), None);
        }
        check(&lavish(), &format!("permessage-deflate; {name}=10; {name}=10"), None);
        check(&lavish(), &format!("permessage-deflate; {name}=10; {name}"), None);
    }
    for name in ["server_no_context_takeover", "client_no_context_takeover"] {
        for value in ["", "true", "1", "15"] {
            check(&lavish(), &format!("permessage-deflate; {name}={value}"), None);
        }
        check(&lavish(), &format!("permessage-deflate; {name}; {name}"), None);
    }
    for offer in ["x", "x=1", "Server_No_Context_Takeover", "mem_level=3", ""] {
        check(&lavish(), &format!("permessage-deflate; {offer}"), None);
    }
}

/// §7: only this extension is ours, under just this name.
#[test]
fn s7_other_extensions_are_not_ours() {
    for other in ["x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflat", ""] {
        check(&lavish(), other, None);
    }
    assert_eq!(answer(&lavish(), &[]), None);
}

/// §7.1.2.1: the parameter needs a value in an offer.
#[test]
fn s7_1_2_1_server_window_bits_without_a_value_are_declined() {
    check(&lavish(), "permessage-deflate; server_max_window_bits", None);
}

/// §7.1.2.1: the answer has the window that was asked for or a smaller one, and only if asked.
#[test]
fn s7_1_2_1_server_window_bits_are_answered_with_the_smaller() {
    for offered in 8..=15 {
        for own in 8..=15 {
            let config = lavish().window_bits(bits(own));
            let offer = format!("permessage-deflate; server_max_window_bits={offered}");
            let (params, element) = answer(&config, &[&offer]).unwrap();
            let used = own.min(offered);
            assert_eq!(params.server_max_window_bits, bits(used));
            assert_eq!(element, format!("permessage-deflate; server_max_window_bits={used}"));
        }
    }
    let (params, element) =
        answer(&lavish().window_bits(bits(9)), &["permessage-deflate"]).unwrap();
    assert_eq!(params.server_max_window_bits, bits(9), "smaller is ours to use unsaid");
    assert_eq!(element, "permessage-deflate");
}

/// §7.1.2.2: a client that did not offer the parameter does not know it and must not be sent it.
#[test]
fn s7_1_2_2_client_window_bits_are_answered_only_if_offered() {
    let config = lavish().peer_window_bits(bits(10));
    let (params, element) = answer(&config, &["permessage-deflate"]).unwrap();
    assert_eq!(params.client_max_window_bits, bits(15), "such a client may use all of it");
    assert_eq!(element, "permessage-deflate");
    check(
        &config,
        "permessage-deflate; client_max_window_bits",
        Some("permessage-deflate; client_max_window_bits=10"),
    );
    check(&lavish(), "permessage-deflate; client_max_window_bits", Some("permessage-deflate"));
}

/// §7.1.2.2: a value in the offer is a promise that may be lowered but not raised.
#[test]
fn s7_1_2_2_client_window_bits_are_never_raised() {
    for offered in 8..=15 {
        for peer in 8..=15 {
            let config = lavish().peer_window_bits(bits(peer));
            let offer = format!("permessage-deflate; client_max_window_bits={offered}");
            let (params, element) = answer(&config, &[&offer]).unwrap();
            let used = peer.min(offered);
            assert_eq!(params.client_max_window_bits, bits(used));
            match used {
                15 => assert_eq!(element, "permessage-deflate"),
                _ => assert_eq!(
                    element,
                    format!("permessage-deflate; client_max_window_bits={used}")
                ),
            }
        }
    }
}

/// §7.1.1.1: a server that is asked to start afresh with each message says that it does.
#[test]
fn s7_1_1_1_server_no_context_takeover_is_confirmed() {
    let asked = "permessage-deflate; server_no_context_takeover";
    check(&lavish(), asked, Some(asked));
    let (params, _) = answer(&lavish(), &[asked]).unwrap();
    assert!(params.server_no_context_takeover && !params.client_no_context_takeover);
}

/// §7.1.1.2: a client that will not take its context over is held to it.
#[test]
fn s7_1_1_2_client_no_context_takeover_is_confirmed() {
    let hinted = "permessage-deflate; client_no_context_takeover";
    check(&lavish(), hinted, Some(hinted));
    let (params, _) = answer(&lavish(), &[hinted]).unwrap();
    assert!(params.client_no_context_takeover && !params.server_no_context_takeover);
}

/// §7.1.1: a server may ask for both on its own, which is what the default does.
#[test]
fn s7_1_1_default_server_takes_nothing_over() {
    let expect = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    check(&DeflateConfig::new(), "permessage-deflate", Some(expect));
    check(
        &DeflateConfig::new(),
        "permessage-deflate; client_max_window_bits",
        Some(&format!("{expect}; client_max_window_bits=12")),
    );
    let stateless = lavish().memory(Memory::Stateless);
    check(&stateless, "permessage-deflate", Some(expect));
}

/// SEC-PD-05: nothing stands in an answer that was not offered, but for the two that any server
/// may add; and no parameter stands there twice.
#[test]
fn sec_pd_05_answers_hold_only_what_was_offered() {
    let offered = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits=11",
        "client_max_window_bits",
    ];
    let configs = [DeflateConfig::new(), lavish(), lavish().peer_window_bits(bits(8))];
    for (config, set) in configs.iter().flat_map(|it| (0..16).map(move |set| (it, set))) {
        let chosen: Vec<&str> = (0..4).filter(|i| set >> i & 1 == 1).map(|i| offered[i]).collect();
        let offer = [&["permessage-deflate"], &chosen[..]].concat().join("; ");
        let (_, element) = answer(config, &[&offer]).unwrap();
        let names: Vec<&str> =
            element.split("; ").skip(1).map(|it| it.split('=').next().unwrap()).collect();
        for name in &names {
            assert!(name.ends_with("takeover") || offer.contains(name), "{offer} → {element}");
            assert_eq!(names.iter().filter(|it| it == &name).count(), 1, "{element}");
        }
        for asked in chosen.iter().filter(|it| it.starts_with("server")) {
            assert!(element.contains(asked), "{offer} → {element}");
        }
    }
}

/// §5: the first offer that is acceptable wins, and the ones before it do no harm.
#[test]
fn s5_first_acceptable_offer_wins() {
    let (_, element) = answer(
        &lavish(),
        &[
            "x-other",
            "permessage-deflate; unknown",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate",
        ],
    )
    .unwrap();
    assert_eq!(element, "permessage-deflate; server_max_window_bits=10");
}

/// SEC-PD-05: 64 offers are read like one.
#[test]
fn sec_pd_05_64_offers_give_one_answer() {
    let mut offers = vec!["permessage-deflate; server_max_window_bits=16"; 63];
    assert_eq!(answer(&lavish(), &offers), None);
    offers.push("permessage-deflate");
    assert_eq!(answer(&lavish(), &offers).unwrap().1, "permessage-deflate");
    assert_eq!(answer(&lavish(), &["permessage-deflate"; 64]).unwrap().1, "permessage-deflate");
}

/// §7.1: what a client offers.
#[test]
fn s7_1_offer_says_what_the_config_says() {
    assert_eq!(
        DeflateConfig::new().offer(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=12; client_max_window_bits=12, \
         permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         client_max_window_bits=12"
    );
    assert_eq!(lavish().offer(), "permessage-deflate; client_max_window_bits");
}

/// §7.1: our own offer is accepted by our own server, and both ends then agree.
#[test]
fn s7_1_our_ends_agree_with_each_other() {
    let configs = || {
        (0..64).map(|set| {
            let window = |bit: u8| if set >> bit & 1 == 1 { bits(15) } else { bits(8 + bit) };
            let config = DeflateConfig::new().window_bits(window(0)).peer_window_bits(window(1));
            config
                .own_context_takeover(set & 4 != 0)
                .peer_context_takeover(set & 8 != 0)
                .memory(MODES[set as usize % 3])
        })
    };
    for (client, server) in configs().flat_map(|it| configs().map(move |b| (it.clone(), b))) {
        let offer = client.offer();
        let (at_server, element) = answer(&server, &Vec::from_iter(offer.split(", "))).unwrap();
        let at_client = client.accept_response(&extension(&element)).unwrap();
        assert!(at_client.server_max_window_bits >= at_server.server_max_window_bits);
        assert!(at_client.client_max_window_bits <= at_server.client_max_window_bits);
        let flags =
            |it: DeflateParams| (it.server_no_context_takeover, it.client_no_context_takeover);
        assert_eq!(flags(at_client), flags(at_server));
    }
}

/// §7.1: a server may add what every client has to follow.
#[test]
fn s7_1_answers_that_are_right_are_accepted() {
    let lavish = lavish();
    check_response(&lavish, "permessage-deflate", Ok("server takeover 15, client takeover 15"));
    check_response(
        &lavish,
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        Ok("server alone 15, client alone 15"),
    );
    check_response(
        &lavish,
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
        Ok("server takeover 9, client takeover 8"),
    );
}

/// §5: a server that cannot make its window smaller has the offer that does not ask for it.
#[test]
fn s5_servers_without_smaller_windows_have_an_offer_too() {
    let offer = lavish().peer_window_bits(bits(10)).offer();
    let offers = [
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
        "permessage-deflate; client_max_window_bits",
    ];
    assert_eq!(offer, offers.join(", "));
    let small = lavish().peer_window_bits(bits(10));
    check_response(&small, "permessage-deflate", Ok("server takeover 15, client takeover 15"));
}

/// §7.1.1.1, §7.1.2.1: a server that accepts an offer confirms what it asked of the server.
#[test]
fn s7_1_unconfirmed_answers_are_refused() {
    let name = "server_no_context_takeover";
    let default = DeflateConfig::new();
    check_response(&default, "permessage-deflate", Err(DeflateRefused::NotConfirmed(name)));
    let small = lavish().peer_window_bits(bits(10));
    let name = "server_max_window_bits";
    check_response(
        &small,
        "permessage-deflate; server_max_window_bits=11",
        Err(DeflateRefused::WindowTooLarge(name)),
    );
    check_response(
        &small,
        "permessage-deflate; server_max_window_bits=10",
        Ok("server takeover 10, client takeover 15"),
    );
}

/// §7.1.1.2: a client that keeps no context needs no leave for it.
#[test]
fn s7_1_1_2_client_may_drop_its_context_unconfirmed() {
    let config = lavish().own_context_takeover(false);
    check_response(&config, "permessage-deflate", Ok("server takeover 15, client alone 15"));
}

/// §7.1.2.2: a server lowers the client's window; a larger value leaves it at what was offered.
#[test]
fn s7_1_2_2_client_window_bits_above_the_offer_change_nothing() {
    let config = lavish().window_bits(bits(10));
    for (answer, used) in [
        ("permessage-deflate; client_max_window_bits=9", 9),
        ("permessage-deflate; client_max_window_bits=10", 10),
        ("permessage-deflate; client_max_window_bits=15", 10),
        ("permessage-deflate", 10),
    ] {
        let expect = format!("server takeover 15, client takeover {used}");
        check_response(&config, answer, Ok(&expect));
    }
}

/// §7.1: an answer with anything that is not defined for it fails the connection.
#[test]
fn s7_1_invalid_answers_are_refused() {
    use DeflateRefused::{DuplicateParameter, InvalidValue, OtherExtension, UnknownParameter};
    let check = |response: &str, expect| check_response(&lavish(), response, Err(expect));
    check("permessage-bzip2", OtherExtension);
    check("permessage-deflate; x", UnknownParameter);
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in ["", "=", "=7", "=16", "=08", "=+9"] {
            check(&format!("permessage-deflate; {name}{value}"), InvalidValue(name));
        }
        check(&format!("permessage-deflate; {name}=9; {name}=9"), DuplicateParameter(name));
    }
    for name in ["server_no_context_takeover", "client_no_context_takeover"] {
        check(&format!("permessage-deflate; {name}=1"), InvalidValue(name));
        check(&format!("permessage-deflate; {name}; {name}"), DuplicateParameter(name));
    }
}

/// Reasons are for logs: lower case, no full stop, and they name the parameter.
#[test]
fn refusals_say_why() {
    let refused =
        lavish().accept_response(&extension("permessage-deflate; client_max_window_bits=1"));
    let reason = refused.unwrap_err().to_string();
    assert_eq!(reason, "parameter client_max_window_bits has an invalid value");
}
