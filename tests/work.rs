//! What it costs to refuse a request before its first signature check, counted in instructions by callgrind: a number that does not depend
//! on how busy the machine is.
//!
//! Every kind of input that a client can make large is counted at three sizes, each twice the one before, and so is a document that an issuer
//! makes large. The work grows at most 2.2 fold a doubling: what a client sends costs in proportion to its bytes, and the same however many
//! keys its issuer has. In the build that ships
//! (`cargo test --release -p countersign-tests --test work`, a part of `make bench`) each of them also costs less than one ES256 check by the
//! default library.
//!
//! The program runs itself under valgrind (`.ci/install c` installs it) and has callgrind write a file after each call of [`counted`].

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use countersign::{Algorithm, Curve, KeyMaterial, PublicKey, Reason, Request, UnixSeconds};
use countersign_envoy_common::certificate;
use countersign_tests::issuer::{NOW, SERVER, Token, URI, access, b64, jwk, key, proof, q, unb64};
use countersign_tests::request::{Doc, Req, bare, bearer, dpop, issuer};
use countersign_tests::runner::Runner;

/// How much more a doubled input may cost. Each name of an object is compared with those before it, by their hashes, up to 256 of them: where
/// the rest of the work is optimised, that shows.
const GROWTH: f64 = if cfg!(debug_assertions) { 2.2 } else { 2.3 };

/// How much more a doubled number of keys may cost.
const GROWTH_BY_KEYS: f64 = 1.05;

/// How much more a refused token may cost that is bound to a key: reading `cnf`, not a hash of the token.
const BOUND: f64 = 1.2;

/// The child's argument.
const COUNT: &str = "--count";

/// One kind of input.
struct Case {
    name: &'static str,
    /// Each twice the one before.
    sizes: [usize; 3],
    /// The request of a size; the same with another `round` is another one to every cache.
    request: fn(usize, u32) -> Req,
    reason: Reason,
}

const TOKENS: [usize; 3] = [4_000, 8_000, 16_000];
const PROOFS: [usize; 3] = [1_900, 3_800, 7_600];
const FIELDS: [usize; 3] = [16_384, 32_768, 65_536];
const KEYS: [usize; 3] = [1_024, 2_048, 4_096];
/// The last is `keys_per_set`, the most that a document has.
const KEY_IDS: [usize; 3] = [4_096, 8_192, 16_384];

/// What an issuer can make large: its document.
const RELOADED: &str = "trust document: one key under so many kids";

const CASES: [Case; 33] = [
    case("token: one part", TOKENS, |size, _| bearer(&"a".repeat(size)), Reason::TokenMalformed),
    case("token: dots", TOKENS, |size, _| bearer(&".".repeat(size)), Reason::TokenMalformed),
    case("token: commas", TOKENS, |size, _| bearer(&",".repeat(size)), Reason::CredentialRepeated),
    case("token: spaces", TOKENS, |size, _| bearer(&" ".repeat(size)), Reason::TokenMalformed),
    case("token: bad base64url at its end", TOKENS, bad_base64url, Reason::TokenEncoding),
    case(TEXT, TOKENS, |size, _| text(size, "f", 1), Reason::KeyUnknown),
    case("token: escapes, unknown key", TOKENS, |size, _| text(size, "\\u0041", 6), Reason::KeyUnknown),
    case("token: long subject of escapes, unknown key", TOKENS, escaped_subject, Reason::KeyUnknown),
    case(BOUND_TOKEN, TOKENS, bound, Reason::KeyUnknown),
    case("token: members, unknown key", TOKENS, members, Reason::KeyUnknown),
    case("token: the same member twice", TOKENS, repeated_member, Reason::TokenJson),
    case("token: members of one hash prefix", TOKENS, long_names, Reason::KeyUnknown),
    case("token: numbers, unknown key", TOKENS, numbers, Reason::KeyUnknown),
    case("token: nested actors, unknown key", TOKENS, actors, Reason::KeyUnknown),
    case("token: audiences, unknown key", TOKENS, audiences, Reason::KeyUnknown),
    case("token: confirmation, unknown key", TOKENS, confirmation, Reason::KeyUnknown),
    case("token: replicated claims, unknown key", [1_000, 2_000, 4_000], replicated, Reason::KeyUnknown),
    case("token: no kid among so many keys", KEYS, no_kid, Reason::KeyUnknown),
    case("token: unknown kid among so many keys", KEYS, unknown_kid, Reason::KeyUnknown),
    case("proof: a long text, another method", PROOFS, |size, _| proof_text(size, "f", 1), Reason::ProofMethodMismatch),
    case(
        "proof: escapes, another method",
        PROOFS,
        |size, _| proof_text(size, "\\u0041", 6),
        Reason::ProofMethodMismatch,
    ),
    case("proof: htu of escapes, another URI", PROOFS, proof_uri, Reason::ProofUriMismatch),
    case("proof: a long header, another method", [700, 1_400, 2_800], proof_header, Reason::ProofMethodMismatch),
    case("proof: RSA key of another", [256, 384, 512], other_rsa_key, Reason::ProofKeyMismatch),
    case("request: a query of parameters", FIELDS, |size, _| query(size, "a&"), Reason::CredentialMissing),
    // Names that are almost the one that is looked for count as that, past a bound.
    case("request: a query of escapes", FIELDS, |size, _| query(size, "access%5ftoke&"), Reason::SchemeUnsupported),
    case("request: a query of nothing but escapes", FIELDS, |size, _| query(size, ESCAPES), Reason::SchemeUnsupported),
    case("request: a query of beginnings", FIELDS, |size, _| query(size, "%61-bbbbbbbb&"), Reason::CredentialMissing),
    case("request: a query of other names", FIELDS, |size, _| query(size, "bbbbbbbbbbbb&"), Reason::CredentialMissing),
    case("request: a query of values", FIELDS, |size, _| query(size, "a=bbbbbbbbbbbb&"), Reason::CredentialMissing),
    case("request: a query without a parameter", FIELDS, |size, _| query(size, "b"), Reason::CredentialMissing),
    case("request: a query and a fragment", FIELDS, fragment, Reason::CredentialMissing),
    case("request: header fields", FIELDS, header_fields, Reason::CredentialMissing),
];

/// `access_toke`
const ESCAPES: &str = "%61%63%63%65%73%73%5F%74%6F%6B%65&";
const TEXT: &str = "token: a long text, unknown key";
const BOUND_TOKEN: &str = "token: bound to a key, unknown key";

const fn case(name: &'static str, sizes: [usize; 3], request: fn(usize, u32) -> Req, reason: Reason) -> Case {
    Case { name, sizes, request, reason }
}

/// A token of `size` bytes whose key is in no document; `fill` makes a claim of so many bytes.
fn unknown(size: usize, fill: impl Fn(Token, usize) -> Token) -> Req {
    let token = || access().header("kid", "\"unknown\"");
    let empty = fill(token(), 0).text().len();
    bearer(&fill(token(), size.saturating_sub(empty) * 3 / 4).text())
}

fn text(size: usize, piece: &str, length: usize) -> Req {
    unknown(size, |token, bytes| token.claim("filler", &q(&piece.repeat(bytes / length))))
}

fn escaped_subject(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| token.claim("sub", &q(&"\\u0041".repeat(1 + bytes / 6))))
}

fn bound(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| token.bound_to_key("client-p256").claim("filler", &q(&"f".repeat(bytes))))
}

fn members(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        (0..bytes / 64).fold(token, |token, number| token.claim(&format!("m{number:04}"), &q(&"v".repeat(51))))
    })
}

fn long_names(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        let name = "n".repeat(51);
        (0..bytes / 64).fold(token, |token, number| token.claim(&format!("{name}{number:04}"), "0"))
    })
}

fn repeated_member(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        let token =
            (0..bytes / 64).fold(token, |token, number| token.claim(&format!("m{number:04}"), &q(&"v".repeat(51))));
        token.more_claim("exp", "1")
    })
}

fn numbers(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| token.claim("filler", &format!("[{}0]", "12345678.9e-3,".repeat(bytes / 14))))
}

fn actors(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        let filler = q(&"f".repeat(bytes / 8));
        let chain = (0..7).fold(format!("{{\"x\":{filler},\"sub\":\"a\"}}"), |chain, _| {
            format!("{{\"x\":{filler},\"act\":{chain},\"sub\":\"a\",\"iss\":\"b\"}}")
        });
        token.claim("act", &chain)
    })
}

fn audiences(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        let one = q(&"\\u0061".repeat(1 + bytes / 64 / 6));
        token.claim("aud", &format!("[{}]", vec![one; 64].join(",")))
    })
}

fn confirmation(size: usize, _: u32) -> Req {
    unknown(size, |token, bytes| {
        let more: Vec<String> =
            (0..bytes / 64).map(|number| format!(",\"m{number:04}\":{}", q(&"v".repeat(51)))).collect();
        let jkt = key("client-p256").thumbprint();
        token.claim("cnf", &format!("{{\"jkt\":\"{jkt}\"{}}}", more.concat()))
    })
}

/// The header ends at 4 KiB.
fn replicated(size: usize, _: u32) -> Req {
    let audience = |bytes: usize| format!("[{}]", vec![q(&"\\u0061".repeat(bytes / 6 / 32)); 32].join(","));
    let value = audience((size - 400) * 3 / 4);
    bearer(&access().header("kid", "\"unknown\"").header("aud", &value).claim("aud", &value).text())
}

fn bad_base64url(size: usize, _: u32) -> Req {
    let token = access().claim("filler", &q(&"f".repeat(size * 3 / 4 - 500))).text();
    let (signed, _) = token.rsplit_once('.').unwrap();
    bearer(&format!("{signed}!.{}", b64([0; 64])))
}

/// By an algorithm that no key fits, so that all of them are asked where keys are asked one by one.
fn no_kid(_: usize, round: u32) -> Req {
    bearer(&access().no_header("kid").header("alg", "\"RS256\"").claim("round", &round.to_string()).text())
}

fn unknown_kid(_: usize, round: u32) -> Req {
    bearer(&access().header("kid", "\"unknown\"").claim("round", &round.to_string()).text())
}

/// A proof of `size` bytes for a token that is cached; `fill` makes a part of so many bytes.
fn proven(size: usize, fill: impl Fn(Token, usize) -> Token) -> Req {
    let token = bound_token();
    let right = || proof(&token).claim("htm", "\"POST\"");
    let empty = fill(right(), 0).text().len();
    dpop(&token, &fill(right(), size.saturating_sub(empty) * 3 / 4).text())
}

fn bound_token() -> String {
    access().bound_to_key("client-p256").text()
}

fn proof_text(size: usize, piece: &str, length: usize) -> Req {
    proven(size, |proof, bytes| proof.claim("filler", &q(&piece.repeat(bytes / length))))
}

fn proof_uri(size: usize, _: u32) -> Req {
    proven(size, |proof, bytes| {
        proof.claim("htm", "\"GET\"").claim("htu", &q(&format!("{URI}/{}", "%7\\u0065".repeat(bytes / 8))))
    })
}

fn proof_header(size: usize, round: u32) -> Req {
    let filler = q(&format!("{round}{}", "f".repeat(size * 3 / 4)));
    proven(0, |proof, _| proof.header("x", &filler))
}

/// By the size of the modulus, in bytes.
fn other_rsa_key(size: usize, round: u32) -> Req {
    let name = format!("client-rsa{}", 8 * size);
    let token = bound_token();
    let proof = proof(&token).key(&name).algorithm("RS256").header("round", &round.to_string());
    dpop(&token, &proof.with_signature(&vec![1; size]))
}

fn query(size: usize, parameter: &str) -> Req {
    let mut request = bare();
    request.uri = format!("{URI}?{}", parameter.repeat(size / parameter.len()));
    request
}

fn fragment(size: usize, _: u32) -> Req {
    let mut request = bare();
    request.uri = format!("{URI}?a#{}", "b&".repeat(size / 2));
    request
}

fn header_fields(size: usize, _: u32) -> Req {
    (0..size / 16).fold(bare(), |request, _| request.header("authorizatiom", "abc"))
}

/// A policy whose issuer has its usual keys, RSA proofs of any size among its proofs.
fn usual() -> Doc {
    Doc::access().member("dpop", r#"{"max_rsa_bits":4096}"#)
}

/// The same with so many keys on P-256 and one of another type.
fn with_keys(count: usize) -> Doc {
    let named = |name: &str, kid: &str| jwk(name, &format!("\"kid\":{kid},\"use\":\"sig\""));
    let mut keys = vec![named("server-p256", "\"server-p256\"")];
    keys.extend((1..count).map(|number| named("server-p256", &format!("\"key-{number}\""))));
    usual().trust(&[issuer(SERVER, &keys)])
}

/// The counted code, and nothing around it.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Everything, in the order of [`counts`].
fn count() {
    // The measure of all: a check of the signature of a token by the library.
    let (public, input, signature) = es256();
    let check = |input: &str| public.verify(Algorithm::Es256, input.as_bytes(), &signature).is_ok();
    assert!(check(&input));
    counted(&mut || assert!(check(black_box(&input))));
    for case in &CASES {
        for size in case.sizes {
            let document = if case.sizes == KEYS { with_keys(size) } else { usual() };
            let mut runner = Runner::new(&document.text(), NOW);
            // A token that a proof comes with is in the cache.
            let token = bound_token();
            assert_eq!(runner.ask(&dpop(&token, &proof(&token).text())).reason, None);
            for round in 0..2 {
                let request = (case.request)(size, round);
                let headers: Vec<(&[u8], &[u8])> =
                    request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
                let policy = runner.engine.document().policy("default").unwrap();
                let mut reason = None;
                let mut judge = || {
                    let headers = headers.iter().copied();
                    let asked = Request::new(b"GET", request.uri.as_bytes(), headers, UnixSeconds::new(NOW));
                    let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
                    reason = decision.reason();
                };
                // The first run does the work that is done once a process.
                if round == 0 {
                    judge()
                } else {
                    counted(&mut judge)
                }
                assert_eq!(reason, Some(case.reason), "{} at {size}", case.name);
            }
        }
    }
    for size in KEY_IDS {
        let mut runner = Runner::new(&usual().text(), NOW);
        let index = runner.engine.document().trust().next().unwrap().0;
        let keys: Vec<String> =
            (0..size).map(|number| jwk("server-p256", &format!("\"kid\":\"key-{number}\""))).collect();
        let document = format!("{{\"keys\":[{}]}}", keys.join(","));
        let mut load =
            || runner.engine.load(&mut runner.trust_state, index, document.as_bytes(), UnixSeconds::new(NOW));
        assert_eq!(load().map(|report| report.added), Ok(size));
        // Each key of the document before is found again among those that differ from it by their names only.
        counted(&mut || assert_eq!(load().map(|report| (report.kept, report.added)), Ok((size, 0))));
    }
    for (_, value) in FORWARDED {
        for size in FIELDS {
            let value = value(size);
            counted(&mut || assert!(certificate::forwarded(black_box(value.as_bytes())).is_none()));
        }
    }
}

/// A header field's value of a size.
type Value = fn(usize) -> String;

/// What Envoy passes on of a client certificate.
const FORWARDED: [(&str, Value); 5] = [
    ("x-forwarded-client-cert: short pairs", |size| "a;".repeat(size / 2)),
    ("x-forwarded-client-cert: quotes", |size| "\"\"".repeat(size / 2)),
    ("x-forwarded-client-cert: elements", |size| ";".repeat(size)),
    ("x-forwarded-client-cert: pairs", |size| "By=a;".repeat(size / 5)),
    ("x-forwarded-client-cert: a quoted text", |size| format!("Subject=\"{}\"", "\\\"".repeat(size / 2 - 8))),
];

fn es256() -> (PublicKey, String, Vec<u8>) {
    let coordinate = |name: &str| unb64(key("server-p256").jwk[name].as_str().unwrap());
    let (x, y) = (coordinate("x"), coordinate("y"));
    let public = PublicKey::new(&KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y }).unwrap();
    let token = access().text();
    let (input, signature) = token.rsplit_once('.').unwrap();
    (public, input.to_owned(), unb64(signature))
}

fn main() {
    if env::args().any(|argument| argument == COUNT) {
        return count();
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("work-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=work::counted", "--dump-after=work::counted"])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(env::current_exe().unwrap())
        .arg(COUNT)
        .output()
        .unwrap_or_else(|fault| panic!("valgrind does not start ({fault}): `.ci/install c` installs it"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut counts = counts(&folder).into_iter();
    fs::remove_dir_all(&folder).unwrap();

    let check = counts.next().unwrap();
    let mut table = format!("instructions, and their share of an ES256 check ({check})\n");
    let (mut faults, mut unbound) = (Vec::new(), 0);
    let rows = CASES.iter().map(|case| (case.name, case.sizes));
    let rows = rows.chain([(RELOADED, KEY_IDS)]).chain(FORWARDED.map(|(name, _)| (name, FIELDS)));
    for (name, sizes) in rows {
        let [small, middle, large] = [(); 3].map(|()| counts.next().unwrap());
        let growth = ratio(middle, small).max(ratio(large, middle));
        let share = ratio(large, check);
        writeln!(table, "{name:46} {sizes:?}: {small} {middle} {large}, growth {growth:.2}, share {share:.2}").unwrap();
        let most = if sizes == KEYS { GROWTH_BY_KEYS } else { GROWTH };
        if growth > most {
            faults.push(format!("{name}: {growth:.2} fold a doubling, more than {most}"));
        }
        if name == TEXT {
            unbound = large;
        }
        if name == BOUND_TOKEN && ratio(large, unbound) > BOUND {
            faults.push(format!("{name}: {:.2} of the same token unbound, more than {BOUND}", ratio(large, unbound)));
        }
        // Without optimisation the engine's own code takes several times as many, and the library's assembly as many.
        if !cfg!(debug_assertions) && share >= 1.0 && name != RELOADED {
            faults.push(format!("{name}: {share:.2} of an ES256 check"));
        }
    }
    assert_eq!(counts.next(), None, "more calls than rows");
    println!("{table}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// The instructions of each call of [`counted`]: callgrind numbers its files from 1, and the last is that of the end of the program.
fn counts(folder: &Path) -> Vec<u64> {
    let mut counts = Vec::new();
    while let Ok(text) = fs::read_to_string(folder.join(format!("out.{}", counts.len() + 1))) {
        let total = text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
        counts.push(
            total
                .unwrap_or_else(|| panic!("no total in the file of call {}", counts.len() + 1))
                .trim()
                .parse()
                .unwrap(),
        );
    }
    assert!(!counts.is_empty(), "callgrind wrote no file: was `counted` inlined?");
    counts
}
