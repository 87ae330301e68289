// A decision that waits twice, in C++: an issuer answers, then the body is read. Needs no key, since the issuer says what its token says.
#include <countersign.hpp>

#include <cstdio>
#include <utility>

#define NEED(condition)                                                       \
  do {                                                                        \
    if (!(condition)) {                                                       \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
      return 1;                                                               \
    }                                                                         \
  } while (0)

namespace {
constexpr std::string_view kPolicy = R"({
  "trust": [{ "issuer": "https://as.example", "jwks": { "keys": [] },
              "introspection": { "uri": "https://as.example/introspect" } }],
  "policies": { "default": { "accept": [{ "kind": "introspected", "issuer": "https://as.example" }],
                             "audience": "https://api.example", "body_digest": true,
                             "attributes": { "tenant": "/tenant" } },
                "page": { "audience": "a", "credentials": [{ "name": "page", "from": { "cookie": "token" }, "remove": true,
                                                             "accept": ["jwt"] }] } } })";
constexpr std::string_view kAnswer =
    R"({ "active": true, "sub": "carol", "aud": "https://api.example", "tenant": { "id": 1 } })";
constexpr std::uint64_t kNow = 1800000000;
}  // namespace

int main() {
  using countersign::Pending;
  auto log = [](std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); };
  auto engine = countersign::Engine::make(kPolicy, kNow, log);
  NEED(engine);
  auto policy = engine.value().policy("default");
  auto worker = countersign::Worker::make(engine.value());
  NEED(policy && worker);
  NEED(engine.value().header_field(policy.value(), 0).empty() && engine.value().removed_field(policy.value(), 0).empty());
  auto page = engine.value().policy("page");
  NEED(page && engine.value().removed_field(page.value(), 0) == "cookie");
  NEED(engine.value().removed_rest(page.value(), 0, "a=1; token=x; b=2").value() == "a=1; b=2");
  NEED(engine.value().removed_rest(page.value(), 0, "token=x").value().empty());
  NEED(engine.value().removed_rest(page.value(), 1, "token=x").error() == COUNTERSIGN_RESULT_NOT_FOUND);
  const std::array<countersign::Header, 1> headers{countersign::Header("authorization", "Bearer opaque")};
  const countersign::Request request("POST", "https://api.example/orders", headers, kNow);

  auto step = worker.value().begin(policy.value(), request);
  NEED(step);
  auto *pending = std::get_if<Pending>(&step.value());
  NEED(pending != nullptr && pending->question() == COUNTERSIGN_QUESTION_INTROSPECT);
  NEED(pending->introspection_uri() == "https://as.example/introspect" && pending->body_limit() == 0);
  NEED(pending->use_once().error() == COUNTERSIGN_RESULT_NOT_FOUND);
  NEED(countersign::Body::make(*pending).error() == COUNTERSIGN_RESULT_NOT_FOUND);
  step = worker.value().resume_introspected(std::move(*pending), request, kAnswer);
  NEED(step);
  pending = std::get_if<Pending>(&step.value());
  NEED(pending != nullptr && pending->question() == COUNTERSIGN_QUESTION_BODY && pending->body_limit() == 65536);
  auto body = countersign::Body::make(*pending);
  NEED(body && body.value().feed("ab") && body.value().feed("c"));
  step = worker.value().resume_body(std::move(*pending), request, std::move(body.value()));
  NEED(step);
  const auto *decision = std::get_if<countersign::Decision>(&step.value());
  NEED(decision != nullptr && decision->lets_pass() && decision->kind() == COUNTERSIGN_TOKEN_KIND_INTROSPECTED);
  auto digest = decision->body_digest();
  NEED(digest && digest.value()[0] == 0xba && digest.value()[31] == 0xad);  // SHA-256 of "abc", FIPS 180-4
  auto tenant = decision->attribute("tenant");
  NEED(tenant && tenant.value().first == R"({"id":1})" && tenant.value().second);
  NEED(decision->credential_text("access", COUNTERSIGN_ATTRIBUTE_SUBJECT) == "carol");

  // One that goes out of scope is a refusal; one that was moved from asks nothing, and answering it fails.
  {
    auto other = worker.value().begin(policy.value(), request);
    NEED(other);
    auto *waits = std::get_if<Pending>(&other.value());
    NEED(waits != nullptr);
    const Pending taken = std::move(*waits);
    NEED(waits->question() == COUNTERSIGN_QUESTION_NONE && taken.question() == COUNTERSIGN_QUESTION_BODY);
    NEED(worker.value().resume_use_once(std::move(*waits), request, COUNTERSIGN_USE_ONCE_FIRST).error() ==
         COUNTERSIGN_RESULT_NULL_PARAMETER);
  }
  NEED(engine.value().accepted() == 1 && engine.value().refused(COUNTERSIGN_REASON_DECISION_ABANDONED) == 1);
  std::puts("pending: as in C");
  return 0;
}
