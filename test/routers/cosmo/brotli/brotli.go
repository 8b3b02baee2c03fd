// Package brotli stands for a module that the module proxy may not serve. The router uses it only to compress requests to
// its vendor's service of configurations, which the tests do not use.
package brotli

import "connectrpc.com/connect"

// Name is the encoding that needs no registration.
const Name = "identity"

// WithCompression registers nothing.
func WithCompression() connect.Option {
	return connect.WithOptions()
}
