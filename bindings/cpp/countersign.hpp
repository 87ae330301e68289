// countersign for C++17: owners that free themselves, views, and no exceptions. Everything is inline over countersign.h.
//
//   auto engine = countersign::Engine::make(policy_json, now, on_notice);      // shared by all threads
//   auto worker = countersign::Worker::make(engine.value());                   // one for each thread
//   auto decision = worker.value().decide(policy, request);                    // valid until the worker's next call
//   if (!decision || !decision.value().lets_pass()) refuse();
//
// A host that can find out what a policy asks beside the request begins instead, and resumes with the answer:
//
//   auto step = worker.value().begin(policy, request);                         // a Decision, or a Pending with its question
//   if (auto *pending = std::get_if<countersign::Pending>(&step.value()))
//     step = worker.value().resume_use_once(std::move(*pending), request, COUNTERSIGN_USE_ONCE_FIRST);
//
// A call that may fail gives Expected<T>: test it before `value()`. In a program without exceptions a wrong `value()` aborts, since
// going on would let requests pass.
#ifndef COUNTERSIGN_HPP
#define COUNTERSIGN_HPP

#include <countersign.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace countersign {

using Result = countersign_result;
using Reason = countersign_reason;
using Attribute = countersign_attribute;
using AuthorityKind = countersign_authority_kind;
using TrustPlace = countersign_trust_place;
using LoadReport = countersign_load_report;
using LookReport = countersign_look_report;
using WorkerCounts = countersign_worker_counts;
using ReplayState = countersign_replay_state;
using TrustSource = countersign_trust_source;
using TokenKind = countersign_token_kind;
using Question = countersign_question;
using UseOnce = countersign_use_once;

/// The library's text; it lives as long as the function that gave it says.
[[nodiscard]] inline std::string_view view(countersign_str text) noexcept {
  return text.data == nullptr ? std::string_view{}
                              : std::string_view{reinterpret_cast<const char *>(text.data), text.length};
}

/// The caller's text or bytes, lent for one call.
[[nodiscard]] inline countersign_bytes lend(std::string_view bytes) noexcept {
  return {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()};
}

/// A result in words.
[[nodiscard]] inline std::string_view text(Result result) noexcept { return view(countersign_result_text(result)); }

/// A reason's word, such as `token_expired`.
[[nodiscard]] inline std::string_view word(Reason reason) noexcept { return view(countersign_reason_word(reason)); }

/// Whether a call worked.
[[nodiscard]] inline bool ok(Result result) noexcept { return result == COUNTERSIGN_RESULT_OK; }

/// What a call gives, or why it failed.
template <typename T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) noexcept : held_(std::in_place_index<0>, std::move(value)) {}
  Expected(Result error) noexcept : held_(std::in_place_index<1>, error) {}
  [[nodiscard]] explicit operator bool() const noexcept { return held_.index() == 0; }
  [[nodiscard]] T &value() & noexcept { return *checked(); }
  [[nodiscard]] T &&value() && noexcept { return std::move(*checked()); }
  [[nodiscard]] const T &value() const & noexcept { return *const_cast<Expected *>(this)->checked(); }
  /// `COUNTERSIGN_RESULT_OK` if there is a value.
  [[nodiscard]] Result error() const noexcept {
    const Result *error = std::get_if<1>(&held_);
    return error == nullptr ? COUNTERSIGN_RESULT_OK : *error;
  }

 private:
  T *checked() noexcept {
    T *value = std::get_if<0>(&held_);
    if (value == nullptr) std::abort();
    return value;
  }
  std::variant<T, Result> held_;
};

/// Lines for the log. Any callable that takes a `std::string_view` and does not throw; it must outlive the call it is given to.
class Notice {
 public:
  Notice() noexcept : notice_{nullptr, nullptr} {}
  template <typename F, typename = std::enable_if_t<std::is_invocable_v<F &, std::string_view>>>
  Notice(F &tell) noexcept : notice_{&Notice::call<F>, const_cast<void *>(static_cast<const void *>(&tell))} {}
  [[nodiscard]] countersign_notice get() const noexcept { return notice_; }

 private:
  template <typename F>
  static void call(void *context, countersign_str line) noexcept {
    (*static_cast<F *>(context))(view(line));
  }
  countersign_notice notice_;
};

/// A header field; both views are lent for the time of one call.
struct Header : countersign_header {
  Header(std::string_view field_name, std::string_view field_value) noexcept
      : countersign_header{lend(field_name), lend(field_value)} {}
};
static_assert(sizeof(Header) == sizeof(countersign_header), "an array of Header is one of countersign_header");

/// A request, lent for one call.
class Request {
 public:
  /// `headers` are all fields as received, so that repetitions are seen.
  Request(std::string_view method, std::string_view uri, const Header *headers, std::size_t count,
          std::uint64_t now_seconds) noexcept
      : request_{} {
    request_.size = sizeof request_;
    request_.method = lend(method);
    request_.uri = lend(uri);
    request_.headers = headers;
    request_.header_count = count;
    request_.now_seconds = now_seconds;
  }
  /// Any container of `Header` in one piece: `std::array`, `std::vector`, `std::span`.
  template <typename Headers>
  Request(std::string_view method, std::string_view uri, const Headers &headers, std::uint64_t now_seconds) noexcept
      : Request(method, uri, std::data(headers), std::size(headers), now_seconds) {}
  /// The client certificate of the TLS connection in DER.
  Request &with_certificate(std::string_view der) noexcept { return with(COUNTERSIGN_CERTIFICATE_FORM_DER, der); }
  /// The SHA-256 of that certificate: 32 bytes.
  Request &with_certificate_sha256(std::string_view hash) noexcept {
    return with(COUNTERSIGN_CERTIFICATE_FORM_SHA256, hash);
  }
  /// What `Decision::used_proof` gave when this very client request was judged by another policy.
  Request &with_used_proof(const std::array<std::uint8_t, 32> &proof) noexcept {
    request_.used_proof = countersign_bytes{proof.data(), proof.size()};
    return *this;
  }
  [[nodiscard]] const countersign_request *get() const noexcept { return &request_; }

 private:
  Request &with(std::uint32_t form, std::string_view certificate) noexcept {
    request_.certificate_form = form;
    request_.certificate = lend(certificate);
    return *this;
  }
  countersign_request request_;
};

/// What became of a request: valid until the next call with its worker, on that worker's thread; so are its texts.
class Decision {
 public:
  explicit Decision(const countersign_decision *decision) noexcept : decision_(decision) {}
  /// Whether the request may go on: accepted, or in shadow mode.
  [[nodiscard]] bool lets_pass() const noexcept { return countersign_decision_lets_pass(decision_); }
  [[nodiscard]] Reason reason() const noexcept { return countersign_decision_reason(decision_); }
  [[nodiscard]] std::uint16_t status() const noexcept { return countersign_decision_status(decision_); }
  /// An attribute; empty if there is none. What the token says is there only if the request was accepted.
  [[nodiscard]] std::string_view text(Attribute field) const noexcept { return view(countersign_decision_text(decision_, field)); }
  [[nodiscard]] std::string_view subject() const noexcept { return text(COUNTERSIGN_ATTRIBUTE_SUBJECT); }
  [[nodiscard]] std::string_view issuer() const noexcept { return text(COUNTERSIGN_ATTRIBUTE_ISSUER); }
  [[nodiscard]] std::string_view scope() const noexcept { return text(COUNTERSIGN_ATTRIBUTE_SCOPE); }
  [[nodiscard]] std::string_view binding() const noexcept { return text(COUNTERSIGN_ATTRIBUTE_BINDING); }
  [[nodiscard]] TokenKind kind() const noexcept { return countersign_decision_kind(decision_); }
  /// An attribute of the credential of this name in the policy; empty if there is none.
  [[nodiscard]] std::string_view credential_text(std::string_view credential, Attribute field) const noexcept {
    return view(countersign_decision_credential_text(decision_, lend(credential), field));
  }
  /// The claim that the policy calls `name`, and whether it is other JSON than a string; the error `NOT_FOUND` if there is none.
  [[nodiscard]] Expected<std::pair<std::string_view, bool>> attribute(std::string_view name) const noexcept {
    countersign_str value;
    bool is_json = false;
    const Result result = countersign_decision_attribute(decision_, lend(name), &value, &is_json);
    if (!ok(result)) return result;
    return std::pair<std::string_view, bool>{view(value), is_json};
  }
  /// The SHA-256 of the body; the error `NOT_FOUND` if the policy does not ask for it.
  [[nodiscard]] Expected<std::array<std::uint8_t, 32>> body_digest() const noexcept {
    std::array<std::uint8_t, 32> digest{};
    const Result result = countersign_decision_body_digest(decision_, reinterpret_cast<std::uint8_t(*)[32]>(digest.data()));
    if (!ok(result)) return result;
    return digest;
  }
  [[nodiscard]] std::uint64_t expires_at_seconds() const noexcept {
    return countersign_decision_expires_at_seconds(decision_);
  }
  /// What the replay store knows the proof by: for `Request::with_used_proof`, if another policy judges the same client request too; the
  /// error `NOT_FOUND` if no proof was recorded.
  [[nodiscard]] Expected<std::array<std::uint8_t, 32>> used_proof() const noexcept {
    std::array<std::uint8_t, 32> proof{};
    const Result result = countersign_decision_used_proof(decision_, reinterpret_cast<std::uint8_t(*)[32]>(proof.data()));
    if (!ok(result)) return result;
    return proof;
  }
  /// Hands each header field of the answer to `field(name, value)`.
  template <typename F>
  void for_each_header(F &&field) const {
    countersign_str name, value;
    for (std::size_t at = 0; ok(countersign_decision_header(decision_, at, &name, &value)); ++at)
      field(view(name), view(value));
  }
  /// The audit record: one line of JSON.
  [[nodiscard]] std::string audit() const {
    std::string line(512, '\0');
    std::size_t length = 0;
    for (;;) {
      auto *room = reinterpret_cast<std::uint8_t *>(line.data());
      const Result result = countersign_decision_audit(decision_, room, line.size(), &length);
      line.resize(result == COUNTERSIGN_RESULT_OK || result == COUNTERSIGN_RESULT_BUFFER_TOO_SMALL ? length : 0);
      if (result != COUNTERSIGN_RESULT_BUFFER_TOO_SMALL) return line;
    }
  }
  /// The origin whose document should be fetched now; the error `NOT_FOUND` if there is none.
  [[nodiscard]] Expected<std::pair<AuthorityKind, std::string_view>> wants_refresh() const noexcept {
    AuthorityKind kind;
    countersign_str name;
    const Result result = countersign_decision_wants_refresh(decision_, &kind, &name);
    if (!ok(result)) return result;
    return std::pair<AuthorityKind, std::string_view>{kind, view(name)};
  }
  [[nodiscard]] const countersign_decision *get() const noexcept { return decision_; }

 private:
  const countersign_decision *decision_;
};

/// A decision that waits for the answer to its question. One that is not resumed is a refusal.
class Pending {
 public:
  /// Takes over what `countersign_worker_begin` gave.
  explicit Pending(countersign_pending *pending) noexcept : pending_(pending) {}
  [[nodiscard]] Question question() const noexcept { return countersign_pending_question(get()); }
  /// To `USE_ONCE`: what names the proof, and for how many seconds at least it must be remembered.
  [[nodiscard]] Expected<std::pair<std::array<std::uint8_t, 32>, std::uint64_t>> use_once() const noexcept {
    std::pair<std::array<std::uint8_t, 32>, std::uint64_t> asked{};
    auto *proof = reinterpret_cast<std::uint8_t(*)[32]>(asked.first.data());
    const Result result = countersign_pending_use_once(get(), proof, &asked.second);
    if (!ok(result)) return result;
    return asked;
  }
  /// To `INTROSPECT`: where the issuer answers.
  [[nodiscard]] std::string_view introspection_uri() const noexcept {
    return view(countersign_pending_introspection_uri(get()));
  }
  /// To `BODY`: the longest body in bytes.
  [[nodiscard]] std::size_t body_limit() const noexcept { return countersign_pending_body_limit(get()); }
  [[nodiscard]] const countersign_pending *get() const noexcept { return pending_.get(); }
  /// Gives it to the caller, who resumes or frees it.
  [[nodiscard]] countersign_pending *release() noexcept { return pending_.release(); }

 private:
  struct Free {
    void operator()(countersign_pending *pending) const noexcept { countersign_pending_free(pending); }
  };
  std::unique_ptr<countersign_pending, Free> pending_;
};

/// The body of a request, for a decision that waits for it.
class Body {
 public:
  [[nodiscard]] static Expected<Body> make(const Pending &pending) noexcept {
    countersign_body *body = nullptr;
    const Result result = countersign_body_new(pending.get(), &body);
    if (!ok(result)) return result;
    return Body(body);
  }
  /// Takes the next chunk. After false the host may stop reading: the decision will be a refusal.
  [[nodiscard]] bool feed(std::string_view chunk) noexcept { return countersign_body_feed(body_.get(), lend(chunk)); }
  /// Gives it to the caller, who resumes a decision with it or frees it.
  [[nodiscard]] countersign_body *release() noexcept { return body_.release(); }

 private:
  struct Free {
    void operator()(countersign_body *body) const noexcept { countersign_body_free(body); }
  };
  explicit Body(countersign_body *body) noexcept : body_(body) {}
  std::unique_ptr<countersign_body, Free> body_;
};

/// How far a decision is: made, or waiting for an answer.
using Step = std::variant<Decision, Pending>;

/// A policy of an engine.
struct PolicyNumber {
  std::uint32_t number;
};

/// A compiled policy document with keys, counters and the replay store. All threads may use it at once.
class Engine {
 public:
  /// Faults of the document go to `notice`, one a line. `replay` all zero: proofs are remembered in the engine.
  [[nodiscard]] static Expected<Engine> make(std::string_view policy, std::uint64_t now_seconds, Notice notice = {},
                                             countersign_replay replay = {}) noexcept {
    countersign_engine_config config{};
    config.size = sizeof config;
    config.policy = lend(policy);
    config.now_seconds = now_seconds;
    config.replay = replay;
    config.notice = notice.get();
    const countersign_engine *engine = nullptr;
    const Result result = countersign_engine_new(&config, &engine);
    if (!ok(result)) return result;
    return Engine(engine);
  }
  [[nodiscard]] Expected<PolicyNumber> policy(std::string_view name) const noexcept {
    std::uint32_t number = 0;
    const Result result = countersign_engine_policy(get(), lend(name), &number);
    if (!ok(result)) return result;
    return PolicyNumber{number};
  }
  /// The header field at `index` that the policy reads a credential from, beside Authorization and DPoP; empty past the last one.
  [[nodiscard]] std::string_view header_field(PolicyNumber policy, std::size_t index) const noexcept {
    return view(countersign_engine_header_field(get(), policy.number, index));
  }
  /// The header field at `index` that the host takes out of the request before it goes on; empty past the last one.
  [[nodiscard]] std::string_view removed_field(PolicyNumber policy, std::size_t index) const noexcept {
    return view(countersign_engine_removed_field(get(), policy.number, index));
  }
  /// What is left of a value of that field once the credential is out of it; empty, if nothing is, and the field goes.
  [[nodiscard]] Expected<std::string> removed_rest(PolicyNumber policy, std::size_t index, std::string_view value) const {
    std::string rest(value.size(), '\0');
    std::size_t length = 0;
    const Result result = countersign_engine_removed_rest(get(), policy.number, index, lend(value),
                                                          reinterpret_cast<std::uint8_t *>(rest.data()), &length);
    if (!ok(result)) return result;
    rest.resize(length);
    return rest;
  }
  /// Reads the files that the policy names, relative to `directory`, and again at each `look` at which they have changed.
  [[nodiscard]] Expected<LookReport> watch_trust_files(std::string_view directory, std::uint64_t now_seconds,
                                                       Notice notice = {}) const noexcept {
    LookReport report{};
    const Result result =
        countersign_engine_watch_trust_files(get(), lend(directory), now_seconds, notice.get(), &report);
    if (!ok(result)) return result;
    return report;
  }
  [[nodiscard]] Result watch_revocations(std::string_view file, Notice notice = {}) const noexcept {
    return countersign_engine_watch_revocations(get(), lend(file), notice.get());
  }
  [[nodiscard]] Expected<LookReport> look(std::uint64_t now_seconds, Notice notice = {}) const noexcept {
    LookReport report{};
    const Result result = countersign_engine_look(get(), now_seconds, notice.get(), &report);
    if (!ok(result)) return result;
    return report;
  }
  [[nodiscard]] Expected<LoadReport> push_trust(AuthorityKind kind, std::string_view name, std::string_view document,
                                                std::uint64_t now_seconds, Notice notice = {}) const noexcept {
    LoadReport report{};
    const Result result = countersign_engine_push_trust(get(), kind, lend(name), lend(document), now_seconds,
                                                        notice.get(), &report);
    if (!ok(result)) return result;
    return report;
  }
  [[nodiscard]] Result withdraw_trust(AuthorityKind kind, std::string_view name) const noexcept {
    return countersign_engine_withdraw_trust(get(), kind, lend(name));
  }
  /// The trust source of the policy at `index`; the error `NOT_FOUND` past the last one.
  [[nodiscard]] Expected<TrustSource> trust_source(std::size_t index) const noexcept {
    TrustSource source{};
    const Result result = countersign_engine_trust_source(get(), index, &source);
    if (!ok(result)) return result;
    return source;
  }
  [[nodiscard]] Result revoke(std::string_view document, Notice notice = {}) const noexcept {
    return countersign_engine_revoke(get(), lend(document), notice.get());
  }
  [[nodiscard]] Result replace_revocations(std::string_view document, Notice notice = {}) const noexcept {
    return countersign_engine_replace_revocations(get(), lend(document), notice.get());
  }
  /// Until when, in seconds since 1970, the list of revocations is current; after it, tokens are refused with `revocations_stale`. 0: not yet.
  [[nodiscard]] Result set_revocations_known(std::uint64_t until_seconds) const noexcept {
    return countersign_engine_set_revocations_known(get(), until_seconds);
  }
  /// Keys of 32 secret bytes; `previous` may be empty.
  [[nodiscard]] Result set_nonce_keys(std::string_view current, std::string_view previous = {}) const noexcept {
    if (current.size() != 32 || (!previous.empty() && previous.size() != 32)) return COUNTERSIGN_RESULT_INVALID_LENGTH;
    return countersign_engine_set_nonce_keys(get(), lend(current).data, previous.empty() ? nullptr : lend(previous).data);
  }
  /// How full the replay store is and what it refuses; the error `NOT_FOUND` for a store of the caller.
  [[nodiscard]] Expected<ReplayState> replay_state(std::uint64_t now_seconds) const noexcept {
    ReplayState state{};
    const Result result = countersign_engine_replay_state(get(), now_seconds, &state);
    if (!ok(result)) return result;
    return state;
  }
  /// After a refusal for `reason`: reports to `notice`, at most once a minute, that the replay store refuses proofs. Returns whether it did.
  bool replay_notice(Reason reason, std::uint64_t now_seconds, Notice notice) const noexcept {
    return ok(countersign_engine_replay_notice(get(), reason, now_seconds, notice.get()));
  }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return countersign_engine_accepted(get()); }
  [[nodiscard]] std::uint64_t refused(Reason reason) const noexcept { return countersign_engine_refused(get(), reason); }
  [[nodiscard]] const countersign_engine *get() const noexcept { return engine_.get(); }

 private:
  struct Free {
    void operator()(const countersign_engine *engine) const noexcept { countersign_engine_free(engine); }
  };
  explicit Engine(const countersign_engine *engine) noexcept : engine_(engine) {}
  std::unique_ptr<const countersign_engine, Free> engine_;
};

/// The caches of one thread. It keeps its engine alive, so the two may end in any order.
class Worker {
 public:
  [[nodiscard]] static Expected<Worker> make(const Engine &engine) noexcept {
    countersign_worker *worker = nullptr;
    const Result result = countersign_worker_new(engine.get(), &worker);
    if (!ok(result)) return result;
    return Worker(worker);
  }
  /// Judges a request. The decision is valid until the next call with this worker. A failed call is to be refused with 500.
  [[nodiscard]] Expected<Decision> decide(PolicyNumber policy, const Request &request) noexcept {
    const countersign_decision *decision = nullptr;
    const Result result = countersign_worker_decide(worker_.get(), policy.number, request.get(), &decision);
    if (!ok(result)) return result;
    return Decision(decision);
  }
  /// Judges a request as `decide` does, for hosts that find out what the policy asks beside it: the decision may wait for an answer.
  [[nodiscard]] Expected<Step> begin(PolicyNumber policy, const Request &request) noexcept {
    return step([&](auto *decision, auto *pending) {
      return countersign_worker_begin(get(), policy.number, request.get(), decision, pending);
    });
  }
  /// Goes on with what the shared store answered. For each `resume_…`: `request` is the same as at the beginning, and the worker may be any of
  /// the engine. A failed call is to be refused with 500.
  [[nodiscard]] Expected<Step> resume_use_once(Pending &&pending, const Request &request, UseOnce answer) noexcept {
    return step([&](auto *decision, auto *waits) {
      return countersign_worker_resume_use_once(get(), pending.release(), request.get(), answer, decision, waits);
    });
  }
  /// Goes on with the body of the issuer's response with status 200.
  [[nodiscard]] Expected<Step> resume_introspected(Pending &&pending, const Request &request, std::string_view answer) noexcept {
    return step([&](auto *decision, auto *waits) {
      return countersign_worker_resume_introspected(get(), pending.release(), request.get(), lend(answer), decision, waits);
    });
  }
  /// Goes on where the issuer gave no such response.
  [[nodiscard]] Expected<Step> resume_introspection_failed(Pending &&pending, const Request &request) noexcept {
    return step([&](auto *decision, auto *waits) {
      return countersign_worker_resume_introspection_failed(get(), pending.release(), request.get(), decision, waits);
    });
  }
  /// Goes on with the whole body of the request.
  [[nodiscard]] Expected<Step> resume_body(Pending &&pending, const Request &request, Body &&body) noexcept {
    return step([&](auto *decision, auto *waits) {
      return countersign_worker_resume_body(get(), pending.release(), request.get(), body.release(), decision, waits);
    });
  }
  /// Gives up a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`.
  [[nodiscard]] Expected<Decision> abandon(Pending &&pending) noexcept {
    const countersign_decision *decision = nullptr;
    const Result result = countersign_worker_abandon(get(), pending.release(), &decision);
    if (!ok(result)) return result;
    return Decision(decision);
  }
  /// Goes on preparing keys that are used often. Returns whether anything is left to do.
  bool build_tables(std::uint32_t additions) noexcept { return countersign_worker_build_tables(worker_.get(), additions); }
  [[nodiscard]] Expected<WorkerCounts> count() const noexcept {
    WorkerCounts counts{};
    const Result result = countersign_worker_count(worker_.get(), &counts);
    if (!ok(result)) return result;
    return counts;
  }
  [[nodiscard]] countersign_worker *get() const noexcept { return worker_.get(); }

 private:
  struct Free {
    void operator()(countersign_worker *worker) const noexcept { countersign_worker_free(worker); }
  };
  template <typename F>
  static Expected<Step> step(F &&make) noexcept {
    const countersign_decision *decision = nullptr;
    countersign_pending *pending = nullptr;
    const Result result = make(&decision, &pending);
    if (!ok(result)) return result;
    if (pending != nullptr) return Step(Pending(pending));
    return Step(Decision(decision));
  }
  explicit Worker(countersign_worker *worker) noexcept : worker_(worker) {}
  std::unique_ptr<countersign_worker, Free> worker_;
};

}  // namespace countersign

#endif  // COUNTERSIGN_HPP
