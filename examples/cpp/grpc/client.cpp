// One call to the server: client PORT CERTIFICATE.pem [NAME=VALUE...], the metadata of the call. Prints the owner of the orders, or the status and
// its message. Exit code 0 if the call was answered.
#include <fstream>
#include <grpcpp/grpcpp.h>
#include <iostream>
#include <iterator>
#include <string>

#include "orders.grpc.pb.h"

int main(int count, char **arguments) {
  if (count < 3) return std::cerr << "usage: client PORT CERTIFICATE.pem [NAME=VALUE...]\n", 2;
  std::ifstream file(arguments[2]);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  grpc::ChannelArguments channel;
  channel.SetSslTargetNameOverride("api.example");
  const auto target = std::string("127.0.0.1:") + arguments[1];
  const auto orders = orders::v1::Orders::NewStub(grpc::CreateCustomChannel(target, grpc::SslCredentials(options), channel));
  grpc::ClientContext context;
  for (int at = 3; at < count; ++at) {
    const std::string field = arguments[at];
    context.AddMetadata(field.substr(0, field.find('=')), field.substr(field.find('=') + 1));
  }
  orders::v1::ListReply reply;
  const auto status = orders->List(&context, {}, &reply);
  if (!status.ok()) return std::cout << status.error_code() << ' ' << status.error_message() << '\n', 1;
  std::cout << "orders of " << reply.owner() << '\n';
  return 0;
}
