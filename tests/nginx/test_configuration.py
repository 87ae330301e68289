"""Faults of a configuration are reported with file and line, and nginx does not start."""

import json
import re
import unittest

from harness import issuer
from harness.server import HEAD, Nginx
from harness.world import POLICY

ZONE = "countersign_zone main:64k;"
FILE = "countersign_policy_file {folder}/policy.json;"
SERVER = "server { listen 127.0.0.1:{port}; location / { return 200; } %s }"

# The content of http{}, and the message of nginx -t; @1 is the first line of http{}.
FIRST_LINE = HEAD.count("\n") + 1
FAULTS = [
    ("on without a policy file", [ZONE, SERVER % "countersign on;"],
     '"countersign" needs a "countersign_policy_file" in /nginx.conf:@2'),
    ("shadow without a policy file", [ZONE, SERVER % "countersign shadow;"],
     '"countersign" needs a "countersign_policy_file" in /nginx.conf:@2'),
    ("no zone", [FILE, SERVER % "countersign on;"], 'a "countersign_zone" is needed for "/policy.json" in /nginx.conf:@1'),
    ("an unknown zone", [ZONE, "countersign_policy_file {folder}/policy.json zone=other;", SERVER % "countersign on;"],
     'there is no "countersign_zone" "other" in /nginx.conf:@2'),
    ("two zones and none named", [ZONE, "countersign_zone other:64k;", FILE, SERVER % "countersign on;"],
     '"zone=" must say which zone is meant for "/policy.json" in /nginx.conf:@3'),
    ("an unknown policy", [ZONE, FILE, SERVER % "countersign on; countersign_policy nobody;"],
     'there is no policy "nobody" in "/policy.json" in /nginx.conf:@3'),
    ("no policy of the default name", [ZONE, "countersign_policy_file {folder}/named.json;", SERVER % "countersign on;"],
     'there is no policy "default" in "/named.json" in /nginx.conf:@3'),
    ("neither on nor off", [ZONE, FILE, SERVER % "countersign yes;"],
     '"countersign" is "on", "off" or "shadow", not "yes" in /nginx.conf:@3'),
    ("a policy file that is not there", ["countersign_policy_file {folder}/absent.json;"],
     'cannot read "/absent.json" (2: No such file or directory) in /nginx.conf:@1'),
    ("a policy file with faults", ["countersign_policy_file {folder}/faulty.json;"],
     '"/faulty.json" is no policy: the policy document has faults in /nginx.conf:@1'),
    ("the pointer of a fault", ["countersign_policy_file {folder}/faulty.json;"], '"/faulty.json": /policies/default/audience'),
    ("the pointer of another fault", ["countersign_policy_file {folder}/faulty.json;"], '"/faulty.json": /policies/default/accept'),
    ("a policy file that is no JSON", ["countersign_policy_file {folder}/as.json.broken;"], "in /nginx.conf:@1"),
    ("a zone that is too small", ["countersign_zone main:4k;"], 'the size of zone "main:4k" must be at least'),
    ("a zone without a size", ["countersign_zone main;"], 'invalid zone "main", expected NAME:SIZE in /nginx.conf:@1'),
    ("a zone twice", [ZONE, ZONE], 'duplicate zone "main" in /nginx.conf:@2'),
    ("no such zone parameter", ["countersign_zone main:64k shared=yes;"],
     'invalid parameter "shared=yes", expected "file=PATH" in /nginx.conf:@1'),
    ("no such policy file parameter", ["countersign_policy_file {folder}/policy.json main;"],
     'invalid parameter "main", expected "zone=NAME" in /nginx.conf:@1'),
    ("no such attribute", ["countersign_set_header X-User name;"], 'there is no attribute "name" in /nginx.conf:@1'),
    ("a header that nginx reads", ["countersign_set_header X-Forwarded_For subject;"], "is no header name"),
    ("another header that nginx reads", ["countersign_set_header authorization subject;"],
     '"authorization" cannot be set, it is read here in /nginx.conf:@1'),
    ("the proof's header", ["countersign_set_header dpop subject;"],
     '"dpop" cannot be set, it is read here in /nginx.conf:@1'),
    ("a header twice", ["countersign_set_header X-User subject;", "countersign_set_header x-user issuer;"],
     '"countersign_set_header" directive is duplicate in /nginx.conf:@2'),
    ("an origin without a scheme", ["countersign_origin api.example;"],
     '"api.example" is no origin such as "https://api.example" in /nginx.conf:@1'),
    ("an origin with a query", ["countersign_origin https://api.example/?a;"], "is no origin"),
    ("an origin with a port that is none", ["countersign_origin https://api.example:99999;"], "is no origin"),
    ("an origin with broken percent-encoding", ["countersign_origin https://api.example/%2;"], "is no origin"),
    ("an origin with a variable", ["countersign_origin https://$host;"],
     '"https://$host" is compared as it is written, no variable is read: list the origins that clients use, as in '
     '"countersign_origin https://api.example https://*.example.com" in /nginx.conf:@1'),
    ("a variable in a base path", ["countersign_origin https://api.example https://b.example/${x};"], "no variable is read"),
    ("a wildcard alone", ["countersign_origin https://*;"],
     '"https://*": "*" matches one whole label at the front of a name, as in "https://*.example.com" in /nginx.conf:@1'),
    ("a wildcard for a part of a label", ["countersign_origin https://*api.example;"], "matches one whole label"),
    ("a wildcard that is not the first label", ["countersign_origin https://api.*.example;"], "matches one whole label"),
    ("two wildcards", ["countersign_origin https://*.*.example;"], "matches one whole label"),
    ("a wildcard in a base path", ["countersign_origin https://api.example/*;"], "matches one whole label"),
    ("a wildcard with an empty name", ["countersign_origin https://*.;"], "matches one whole label"),
    ("an origin twice", ["countersign_origin https://api.example https://API.example:443;"],
     '"https://api.example" and "https://API.example:443" are for the same "Host" in /nginx.conf:@1'),
    ("two schemes of one name", ["countersign_origin https://api.example http://api.example;"], 'are for the same "Host"'),
    ("two base paths of one wildcard", ["countersign_origin https://*.example/a https://*.EXAMPLE/b;"], 'are for the same "Host"'),
    ("origins in two directives", ["countersign_origin https://api.example;", "countersign_origin https://b.example;"],
     '"countersign_origin" directive is duplicate in /nginx.conf:@2'),
    ("a hop that is no address", ["countersign_certificate_header Client-Cert from=proxy;"],
     '"proxy" is no address in /nginx.conf:@1'),
    ("a hop without from", ["countersign_certificate_header Client-Cert 127.0.0.1;"],
     'invalid parameter "127.0.0.1", expected "from=ADDRESS" in /nginx.conf:@1'),
    ("no hop", ["countersign_certificate_header Client-Cert;"],
     'invalid number of arguments in "countersign_certificate_header" directive in /nginx.conf:@1'),
    ("a certificate's header that nginx reads", ["countersign_certificate_header X-Forwarded-For from=127.0.0.1;"],
     '"X-Forwarded-For" cannot be set, it is read here in /nginx.conf:@1'),
    ("a certificate's header twice", ["countersign_certificate_header Client-Cert from=127.0.0.1;",
                                      "countersign_certificate_header client_cert from=127.0.0.2;"],
     '"countersign_certificate_header" directive is duplicate in /nginx.conf:@2'),
    ("a header that is set and holds a certificate", ["countersign_set_header Client-Cert subject;",
                                                      "server { countersign_certificate_header client_cert from=127.0.0.2; }"],
     '"client_cert" cannot both be set and hold a certificate in /nginx.conf:@2'),
    ("no such status format", ["server { location / { countersign_status xml; } }"],
     '"countersign_status" is "json" or "prometheus", not "xml" in /nginx.conf:@1'),
    ("a policy by what the policy decides", [ZONE, FILE, SERVER % "countersign on; countersign_policy $countersign_subject;"],
     '"$countersign_subject" is known after the decision and cannot choose its policy or its mode in /nginx.conf:@3'),
    ("a mode by what the policy decides", [ZONE, FILE, SERVER % "countersign a${countersign_attribute_mode};"],
     '"$countersign_attribute_mode" is known after the decision'),
    ("a variable that does not exist", [ZONE, FILE, SERVER % "countersign on; countersign_policy $nobody;"], 'unknown "nobody" variable'),
    ("a policy by a variable twice", [ZONE, FILE, SERVER % "countersign on; countersign_policy $host; countersign_policy default;"],
     '"countersign_policy" directive is duplicate in /nginx.conf:@3'),
    ("a mode by a variable without a policy file", [ZONE, SERVER % "countersign $host;"],
     '"countersign" needs a "countersign_policy_file" in /nginx.conf:@2'),
    ("neither on nor off by a variable", [ZONE, FILE, SERVER % "countersign $host; countersign_off_by_variable yes;"],
     'it must be "on" or "off" in /nginx.conf:@3'),
    ("a variable may name a policy that asks what nobody answers", [
        ZONE, "countersign_policy_file {folder}/asks.json;", SERVER % "countersign on; countersign_policy $host;"],
     'policy "asks" of "/asks.json" asks a shared store ("shared_store"): "countersign" needs "countersign_use_once" in /nginx.conf:@3'),
    ("in an if", [ZONE, FILE, "server { location / { if ($arg_a) { countersign on; } } }"],
     '"countersign" directive is not allowed here in /nginx.conf:@3'),
    ("revocations that are not there", [ZONE, FILE, SERVER % "countersign on; countersign_revocations {folder}/absent;"],
     "a document of revocations cannot be used"),
    ("nonce keys that are too short", [ZONE, FILE, SERVER % "countersign on; countersign_nonce_keys {folder}/policy.json;"],
     '"/policy.json" must hold one or two lines, each 32 bytes in base64url, in /nginx.conf:@2'),
    ("a policy file twice", [ZONE, FILE, FILE], '"countersign_policy_file" directive is duplicate in /nginx.conf:@3'),
    ("two policy files of which neither remembers enough", [
        ZONE, "server { listen 127.0.0.1:{port}; countersign on; countersign_policy_file {folder}/old.json; }",
        "server { listen 127.0.0.1:{port}; server_name b; countersign on; countersign_policy_file {folder}/early.json; }"],
     'zone "main" cannot serve all its policy files, give each a zone of its own in /nginx.conf:@1'),
]


WITHOUT_ORIGIN = "countersign_policy_file {folder}/without_origin.json;"

# What nginx -t warns of, how often; @1 is the first line of http{}.
DPOP_BY_HOST = 'takes DPoP proofs and has no origin: the "Host" that a client sends decides which URI they must be for'
UNUSED = 'the policy has an "origin" of its own'
WARNINGS = [
    ("no origin", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on;"],
     'policy "default" of "/without_origin.json" ' + DPOP_BY_HOST + '; set "countersign_origin", or "origin" in the policy, for '
     '"countersign" in /nginx.conf:@3', 1),
    ("no origin, once for all places", [ZONE, WITHOUT_ORIGIN, "countersign on;", SERVER % "location /a { } location /b { }"], DPOP_BY_HOST, 1),
    ("no origin in shadow", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign shadow;"], DPOP_BY_HOST, 1),
    ("no origin at one of two places", [
        ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_origin https://api.example; location /a { countersign_policy bound; }",
        "server { listen 127.0.0.1:{port}; server_name b; countersign on; }"], "for \"countersign\" in /nginx.conf:@4", 1),
    ("an origin of the policy", [ZONE, FILE, SERVER % "countersign on;"], DPOP_BY_HOST, 0),
    ("an origin of the host", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_origin https://api.example;"], DPOP_BY_HOST, 0),
    ("off", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign off;"], DPOP_BY_HOST, 0),
    ("JWT-SVIDs that nothing binds", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_policy svids;"], DPOP_BY_HOST, 0),
    ("JWT-SVIDs that a proof must bind", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_policy bound;"], DPOP_BY_HOST, 1),
    ("certificates in the place of proofs", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_policy certified;"], DPOP_BY_HOST, 0),
    ("two origins", [ZONE, FILE, SERVER % "countersign on; countersign_origin https://b.example/base;"],
     '"countersign_origin" is not used with policy "default" of "/policy.json", ' + UNUSED + " in /nginx.conf:@3", 1),
    ("two origins, once for all places", [ZONE, FILE, "countersign on;", "countersign_origin https://b.example;",
                                          SERVER % "location /a { } location /b { }"], UNUSED, 1),
    ("one origin of the policy", [ZONE, FILE, SERVER % "countersign on;"], UNUSED, 0),
    ("no origin of a policy that a variable may name", [
        ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_policy $host; location /a { }"], DPOP_BY_HOST, 2),
    ("one origin of the host", [ZONE, WITHOUT_ORIGIN, SERVER % "countersign on; countersign_origin https://b.example;"], UNUSED, 0),
]

CHOSEN = "may come from"
# A variable that chooses, what is said elsewhere, and the variable of the client that it may come from.
SOURCES = [
    ("$http_x_policy", "", "http_x_policy"),
    ("$arg_policy", "", "arg_policy"),
    ("${cookie_policy}", "", "cookie_policy"),
    ("$uri", "", "uri"),
    ("a-$request_uri", "", "request_uri"),
    ("$HTTP_X", "", "HTTP_X"),
    ("$host", "", None),
    ("$server_name", "", None),
    ("$server_port-$remote_addr", "", None),
    ("$ssl_server_name", "", None),
    ("$chosen", "map $http_x $chosen { default default; }", "http_x"),
    ("$chosen", "map $server_port $chosen { 443 default; default $arg_x; }", "arg_x"),
    ("$chosen", "map $server_port $chosen { 443 default; default admin; }", None),
    ("$chosen", "map $server_port $chosen { default $second; } map $second $unused { default $arg_x; } map $host $second { default a; }",
     None),
    ("$chosen", "map $second $chosen { default a; } map $third $second { default b; } map $cookie_a $third { default c; }", "cookie_a"),
    ("$chosen", "map $second $chosen { default a; } map $chosen $second { default b; }", None),
    ("$chosen", "map \"$server_port/$arg_x\" $chosen { default a; }", "arg_x"),
    ("$chosen", "# map $arg_x $chosen { }\n map $host $chosen { default 'a # b'; \"x;{\" $arg_y; }", "arg_y"),
    ("$chosen", "server { listen 127.0.0.1:{port}; server_name other; set $chosen $arg_x; }", "arg_x"),
    ("$chosen", "server { listen 127.0.0.1:{port}; server_name other; location ~ ^/(?<chosen>[a-z]+)/ { } }", "uri"),
    ("$chosen", "server { listen 127.0.0.1:{port}; server_name ~^(?P<chosen>[a-z]+)[.]example$; }", "http_host"),
    ("$chosen", "server { listen 127.0.0.1:{port}; server_name other; set $chosen $1; }", "1"),
    ("$chosen", "include {folder}/included*.conf;", "arg_included"),
]


def without_origin():
    """Policies of every kind that leave the origin to the host."""
    policy = json.loads(json.dumps(POLICY))
    policy["trust"].append({"trust_domain": "example.org", "bundle_file": "bundle.json"})
    del policy["policies"]["default"]["origin"]
    svids = {"accept": ["jwt-svid"], "audience": [issuer.AUDIENCE]}
    policy["policies"].update(svids=svids, bound={**svids, "binding": {"require": "dpop"}},
                              certified={**policy["policies"]["default"], "binding": {"require": "mtls"}})
    return json.dumps(policy)


def document(**dpop):
    policy = json.loads(json.dumps(POLICY))
    if dpop:
        policy["policies"]["default"]["dpop"] = dpop
    return json.dumps(policy)


class Configuration(unittest.TestCase):
    def check(self, lines):
        with Nginx("    " + "\n    ".join(lines)) as nginx:
            nginx.write("policy.json", document())
            nginx.write("old.json", document(max_age_seconds=300, future_seconds=0))
            nginx.write("wide.json", document(max_age_seconds=300, future_seconds=60))
            nginx.write("early.json", document(max_age_seconds=60, future_seconds=60))
            nginx.write("named.json", document().replace('"default"', '"other"'))
            nginx.write("faulty.json", '{"trust":[],"policies":{"default":{"accept":["nothing"]}}}')
            nginx.write("as.json.broken", '{"keys"')
            nginx.write("as.json", issuer.key_set(issuer.Key("first")))
            nginx.write("without_origin.json", without_origin())
            nginx.write("bundle.json", '{"keys":[]}')
            nginx.write("preset.json", json.dumps({**POLICY, "policies": {"default": {"preset": "keycloak", "audience": issuer.AUDIENCE}}}))
            nginx.write("included-1.conf", "map $arg_included $chosen { default default; }")
            nginx.write("asks.json", document(shared_store="required").replace('"default"', '"asks"'))
            return nginx.test()

    def test_faults(self):
        for title, lines, expected in FAULTS:
            with self.subTest(title):
                passes, told = self.check(lines)
                self.assertFalse(passes, told)
                line = lambda match: str(FIRST_LINE - 1 + int(match[1]))  # noqa: E731
                self.assertIn(re.sub(r"@(\d)", line, expected), told)

    def test_warnings(self):
        for title, lines, expected, count in WARNINGS:
            with self.subTest(title):
                passes, told = self.check(lines)
                self.assertTrue(passes, told)
                line = lambda match: str(FIRST_LINE - 1 + int(match[1]))  # noqa: E731
                warned = [each for each in told.splitlines() if each.startswith("nginx: [warn]")]
                found = [each for each in warned if re.sub(r"@(\d)", line, expected) in each]
                self.assertEqual(len(found), count, told)

    def test_a_client_that_could_choose(self):
        for value, elsewhere, found in SOURCES:
            for directive in (f"countersign on; countersign_policy {value};", f"countersign {value};"):
                with self.subTest(directive, elsewhere=elsewhere):
                    passes, told = self.check([ZONE, FILE, elsewhere, SERVER % directive])
                    self.assertTrue(passes, told)
                    expected = [] if found is None else [
                        f'nginx: [warn] "{directive.split("; ")[-1][:-1]}" may come from "${found}", so a client can choose it, in '
                        f"/nginx.conf:{FIRST_LINE + 3 + elsewhere.count(chr(10))}"]
                    self.assertEqual([line for line in told.splitlines() if CHOSEN in line], expected)

    def test_sound(self):
        """Beside the faults: what differs from them by little passes."""
        for title, lines in [
            ("on", [ZONE, FILE, SERVER % "countersign on;"]),
            ("off without anything", [SERVER % "countersign off;"]),
            ("a named zone", [ZONE, "countersign_policy_file {folder}/policy.json zone=main;", SERVER % "countersign on;"]),
            ("the wider window comes second", [
                ZONE, "server { listen 127.0.0.1:{port}; countersign on; countersign_policy_file {folder}/policy.json; }",
                "server { listen 127.0.0.1:{port}; server_name b; countersign on; countersign_policy_file {folder}/wide.json; }"]),
            ("a preset", [ZONE, "countersign_policy_file {folder}/preset.json;", SERVER % "countersign on;"]),
            ("a policy by a variable", [ZONE, FILE, SERVER % "countersign on; countersign_policy $host;"]),
            ("a mode by a variable", [ZONE, FILE, SERVER % "countersign $host; countersign_off_by_variable on;"]),
            ("a variable in limit_except", [ZONE, FILE, "server { location / { limit_except GET { countersign $host; countersign_policy $host; } } }"]),
            ("in limit_except", [ZONE, FILE, "server { location / { limit_except GET { countersign on; } } }"]),
            ("many origins", ["countersign_origin https://api.example https://*.api.example/base https://[::1]:8443 http://api.example:81;"]),
            ("a name and the wildcard around it", ["countersign_origin https://*.example.com https://api.example.com;"]),
            ("a file zone", ["countersign_zone main:64k file={folder}/zone;", FILE, SERVER % "countersign on;"]),
        ]:
            with self.subTest(title):
                passes, told = self.check(lines)
                self.assertTrue(passes, told)

    def test_a_test_leaves_the_zone_alone(self):
        with Nginx(f"countersign_zone main:64k file={{folder}}/zone; {FILE} {SERVER % 'countersign on;'}") as nginx:
            nginx.write("policy.json", document())
            nginx.write("as.json", issuer.key_set(issuer.Key("first")))
            self.assertTrue(nginx.test()[0])
            self.assertFalse((nginx.folder / "zone").exists())


if __name__ == "__main__":
    unittest.main()
