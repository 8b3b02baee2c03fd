// The Cosmo router as a program of its own.
package main

import routercmd "github.com/wundergraph/cosmo/router/cmd"

func main() {
	routercmd.Main()
}
