// Answers the run's questions, one JSON object a line: loads the Go peers for a row, measures one.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

const leeway = 30 * time.Second

type probe struct {
	Check string `json:"check"`
	Token string `json:"token"`
}

type scenario struct {
	Row         string                     `json:"row"`
	Algorithm   string                     `json:"algorithm"`
	Issuer      string                     `json:"issuer"`
	Audience    string                     `json:"audience"`
	TrustDomain string                     `json:"trust_domain"`
	Keys        json.RawMessage            `json:"keys"`
	Bundle      json.RawMessage            `json:"bundle"`
	Probes      map[string]json.RawMessage `json:"probes"`
}

// probes are the tokens of one kind with one fault each.
func (s *scenario) probes(kind string) []probe {
	var probes []probe
	must(json.Unmarshal(s.Probes[kind], &probes))
	return probes
}

type peer struct {
	Name      string   `json:"name"`
	Package   string   `json:"package"`
	Unchecked []string `json:"unchecked"`
	Note      string   `json:"note"`

	tokens  []string
	accepts func(token string) bool
	next    int
	batch   int
}

type absent struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func lines(folder, name string) []string {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if os.IsNotExist(err) {
		return nil
	}
	must(err)
	return strings.Split(string(text), "\n")
}

func load(folder string) ([]*peer, []absent) {
	text, err := os.ReadFile(filepath.Join(folder, "scenario.json"))
	must(err)
	var s scenario
	must(json.Unmarshal(text, &s))
	access, svid := lines(folder, "at.txt"), lines(folder, "svid.txt")
	switch {
	case s.Row == "dpop":
		return []*peer{}, []absent{{"go-spiffe", "knows no DPoP"}, {"golang-jwt", "knows no DPoP"}}
	case svid == nil:
		return []*peer{golangJwt(&s, access)}, []absent{{"go-spiffe", "JWT-SVIDs may not be signed by EdDSA"}}
	}
	return []*peer{goSpiffe(&s, svid), golangJwt(&s, access)}, []absent{}
}

func goSpiffe(s *scenario, tokens []string) *peer {
	bundle, err := jwtbundle.Parse(spiffeid.RequireTrustDomainFromString(s.TrustDomain), s.Bundle)
	must(err)
	audience := []string{s.Audience}
	accepts := func(token string) bool {
		_, err := jwtsvid.ParseAndValidate(token, bundle, audience)
		return err == nil
	}
	return newPeer("go-spiffe, JWT-SVID", "github.com/spiffe/go-spiffe/v2", tokens, s.probes("svid"), accepts)
}

type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

func golangJwt(s *scenario, tokens []string) *peer {
	var set jose.JSONWebKeySet
	must(json.Unmarshal(s.Keys, &set))
	keys := map[string]any{}
	for _, key := range set.Keys {
		keys[key.KeyID] = key.Key
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{s.Algorithm}),
		jwt.WithIssuer(s.Issuer),
		jwt.WithAudience(s.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	)
	find := func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		if key, known := keys[kid]; known {
			return key, nil
		}
		return nil, fmt.Errorf("no key %q", kid)
	}
	accepts := func(token string) bool {
		_, err := parser.ParseWithClaims(token, &claims{}, find)
		return err == nil
	}
	return newPeer("golang-jwt", "github.com/golang-jwt/jwt/v5", tokens, s.probes("at"), accepts)
}

func newPeer(name, owner string, tokens []string, probes []probe, accepts func(string) bool) *peer {
	p := &peer{Name: name, Package: owner, Unchecked: []string{}, tokens: tokens, accepts: accepts, batch: 1}
	for _, probe := range probes {
		if accepts(probe.Token) {
			p.Unchecked = append(p.Unchecked, probe.Check)
		}
	}
	return p
}

func (p *peer) one() {
	token := p.tokens[p.next%len(p.tokens)]
	p.next++
	if !p.accepts(token) {
		panic(p.Name + ": refuses a good token")
	}
}

func (p *peer) refuse() {
	token := []byte(p.tokens[p.next%len(p.tokens)])
	place := strings.LastIndexByte(string(token), '.') + 21
	if token[place] == 'A' {
		token[place] = 'B'
	} else {
		token[place] = 'A'
	}
	if p.accepts(string(token)) {
		panic(p.Name + ": accepts a corrupted signature")
	}
}

// measure judges good tokens for about span, and a corrupted one before and after.
func (p *peer) measure(span time.Duration) (count int, taken time.Duration) {
	p.refuse()
	p.one()
	start := time.Now()
	for taken < span {
		for range p.batch {
			p.one()
		}
		count += p.batch
		taken = time.Since(start)
	}
	p.refuse()
	p.batch = min(64, max(1, 20_000*count/int(taken.Nanoseconds())))
	return count, taken
}

func main() {
	var peers []*peer
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var question struct {
			Do     string `json:"do"`
			Folder string `json:"folder"`
			Peer   int    `json:"peer"`
			Ms     int    `json:"ms"`
		}
		must(json.Unmarshal(input.Bytes(), &question))
		switch question.Do {
		case "load":
			var missing []absent
			peers, missing = load(question.Folder)
			must(output.Encode(map[string]any{"peers": peers, "absent": missing}))
		case "measure":
			count, taken := peers[question.Peer].measure(time.Duration(question.Ms) * time.Millisecond)
			must(output.Encode(map[string]any{"count": count, "ns": taken.Nanoseconds()}))
		default:
			panic("unknown question " + question.Do)
		}
	}
}
