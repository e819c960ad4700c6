//go:build race

package main

// raced: the race detector multiplies the memory of a program.
const raced = true
