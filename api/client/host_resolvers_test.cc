#include "api/client/host_resolvers.h"

#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using Resolvers = std::vector<std::string>;

TEST(ParseResolvers, FindsTheNameServers) {
  EXPECT_EQ(ParseResolvers("# a comment\n"
                           "search example.org\n"
                           "nameserver 192.0.2.53\n"
                           "  nameserver\t2001:db8::53   # behind it\n"
                           "options edns0"),
            (Resolvers{"192.0.2.53", "2001:db8::53"}));
}

TEST(ParseResolvers, TakesNothingElse) {
  EXPECT_EQ(ParseResolvers(""), Resolvers());
  EXPECT_EQ(ParseResolvers("nameserver\nnameserver \n"), Resolvers());
  EXPECT_EQ(ParseResolvers("#nameserver 192.0.2.1\nnameservers 192.0.2.1\n"), Resolvers());
  EXPECT_EQ(ParseResolvers("nameserver --no-map-gw\nnameserver fe80::1%eth0\n"), Resolvers());
}

}  // namespace
}  // namespace mayfly::api
