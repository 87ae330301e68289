// Checks one request: check POLICY.json DIRECTORY METHOD URI NAME=VALUE... Exit code 0 if the request is accepted.
#include <countersign.hpp>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

int main(int count, char **arguments) {
  if (count < 5) return std::cerr << "usage: check POLICY.json DIRECTORY METHOD URI NAME=VALUE...\n", 2;
  std::ifstream file(arguments[1]);
  const std::string policy_text{std::istreambuf_iterator<char>(file), {}};
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  auto log = [](std::string_view line) { std::cerr << line << '\n'; };
  auto engine = countersign::Engine::make(policy_text, now, log);
  if (!engine || !engine.value().watch_trust_files(arguments[2], now, log)) return 2;
  auto policy = engine.value().policy("default");
  auto worker = countersign::Worker::make(engine.value());
  if (!policy || !worker) return 2;
  std::vector<countersign::Header> headers;
  for (int at = 5; at < count; ++at) {
    const std::string_view field = arguments[at];
    headers.emplace_back(field.substr(0, field.find('=')), field.substr(field.find('=') + 1));
  }
  auto decision = worker.value().decide(policy.value(), {arguments[3], arguments[4], headers, now});
  if (!decision) return std::cerr << countersign::text(decision.error()) << '\n', 2;
  std::cout << countersign::word(decision.value().reason()) << ' ' << decision.value().subject() << '\n';
  decision.value().for_each_header([](auto name, auto value) { std::cout << name << ": " << value << '\n'; });
  return decision.value().lets_pass() ? 0 : 1;
}
