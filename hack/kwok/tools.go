//go:build tools

// Package tools pins kwok, which plays the kubelets of a test cluster; `go build sigs.k8s.io/kwok/cmd/kwok` makes it.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
