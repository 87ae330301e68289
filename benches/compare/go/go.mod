module countersign.example/compare

go 1.24.0

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/spiffe/go-spiffe/v2 v2.9.0
)

require github.com/go-jose/go-jose/v4 v4.1.5
