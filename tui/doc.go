// Package tui is the screen: what is drawn and which key means what; it does not know how a sandbox is made.
package tui
