// Package sandbox holds what one sandbox is made from and what an engine has, as data; it touches nothing.
package sandbox
