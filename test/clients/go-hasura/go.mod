module aep-export-gateway-client

go 1.23.0

require github.com/hasura/go-graphql-client v0.16.0

require (
	github.com/coder/websocket v1.8.14 // indirect
	github.com/google/uuid v1.6.0 // indirect
)
