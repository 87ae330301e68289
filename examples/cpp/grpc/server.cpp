// A gRPC server whose calls are decided before a method is reached: server POLICY.json DIRECTORY CERTIFICATE.pem KEY.pem
#include <chrono>
#include <countersign.hpp>
#include <ctime>
#include <fstream>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "orders.grpc.pb.h"

namespace {

std::uint64_t now() { return static_cast<std::uint64_t>(std::time(nullptr)); }

std::string read(const char *path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string_view view(grpc::string_ref text) { return {text.data(), text.size()}; }

// The status of gRPC for a status of HTTP, by the table of gRPC ("HTTP to gRPC Status Code Mapping").
grpc::StatusCode status_of(std::uint16_t http) {
  switch (http) {
    case 400: return grpc::StatusCode::INTERNAL;
    case 401: return grpc::StatusCode::UNAUTHENTICATED;
    case 403: return grpc::StatusCode::PERMISSION_DENIED;
    case 429:
    case 503: return grpc::StatusCode::UNAVAILABLE;
    default: return grpc::StatusCode::UNKNOWN;
  }
}

// gRPC asks it about the metadata of each call, before any method. It has no place for a challenge: clients get the status and the reason.
class Gate final : public grpc::AuthMetadataProcessor {
 public:
  Gate(const countersign::Engine &engine, countersign::PolicyNumber policy) : engine_(engine), policy_(policy) {}

  // Threads of gRPC's pool call it, several at once.
  bool IsBlocking() const override { return true; }

  grpc::Status Process(const InputMetadata &metadata, grpc::AuthContext *context, OutputMetadata *consumed, OutputMetadata *) override {
    // A worker for each thread: its caches have no lock.
    thread_local auto worker = countersign::Worker::make(engine_);
    const auto path = metadata.find(":path");
    if (!worker || path == metadata.end()) return {grpc::StatusCode::INTERNAL, "internal_error"};
    std::vector<countersign::Header> fields;
    for (const auto &[name, value] : metadata) {
      if (!name.starts_with(":")) fields.emplace_back(view(name), view(value));
    }
    // RFC 9113 §8.3.1 has the path in `:path`; every gRPC call is a POST. The origin is the policy's.
    auto decided = worker.value().decide(policy_, {"POST", view(path->second), fields, now()});
    if (!decided) return {grpc::StatusCode::INTERNAL, std::string(countersign::text(decided.error()))};
    const auto &decision = decided.value();
    std::cerr << decision.audit() << '\n';
    if (!decision.lets_pass()) return {status_of(decision.status()), std::string(countersign::word(decision.reason()))};
    context->AddProperty("subject", std::string(decision.subject()));
    // The method does not see the token.
    for (const auto *name : {"authorization", "dpop"}) {
      for (auto [at, end] = metadata.equal_range(name); at != end; ++at) {
        consumed->emplace(name, std::string(view(at->second)));
      }
    }
    return grpc::Status::OK;
  }

 private:
  const countersign::Engine &engine_;
  const countersign::PolicyNumber policy_;
};

class Orders final : public orders::v1::Orders::Service {
  grpc::Status List(grpc::ServerContext *context, const orders::v1::ListRequest *, orders::v1::ListReply *reply) override {
    if (context->client_metadata().count("authorization") != 0) return {grpc::StatusCode::INTERNAL, "the token reached the method"};
    const auto subject = context->auth_context()->FindPropertyValues("subject");
    if (subject.size() != 1) return {grpc::StatusCode::INTERNAL, "no subject"};
    reply->set_owner(std::string(view(subject[0])));
    return grpc::Status::OK;
  }
};

}  // namespace

int main(int count, char **arguments) {
  if (count != 5) return std::cerr << "usage: server POLICY.json DIRECTORY CERTIFICATE.pem KEY.pem\n", 2;
  auto log = [](std::string_view line) { std::cerr << line << '\n'; };
  auto engine = countersign::Engine::make(read(arguments[1]), now(), log);
  if (!engine || !engine.value().watch_trust_files(arguments[2], now(), log)) return 2;
  auto policy = engine.value().policy("default");
  if (!policy) return std::cerr << "there is no policy named default\n", 2;

  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({read(arguments[4]), read(arguments[3])});
  // A processor of metadata exists for secure channels alone: a token has no business on another one.
  const auto credentials = grpc::SslServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<Gate>(engine.value(), policy.value()));
  Orders service;
  int port = 0;
  const auto server = grpc::ServerBuilder().AddListeningPort("127.0.0.1:0", credentials, &port).RegisterService(&service).BuildAndStart();
  if (!server) return 2;
  std::cout << port << std::endl;
  // Keys are read again when their files change.
  for (;;) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    (void)engine.value().look(now(), log);
  }
}
