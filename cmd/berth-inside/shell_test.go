package main

import "testing"

func TestTheShellSpeaksBash(t *testing.T) {
	runScripts(t, []script{
		{what: "pipes", text: `printf 'b\na\n' | sort | tr a-z A-Z`, stdout: "A\nB\n"},
		{what: "the last of a pipe counts", text: `false | true; echo $?; set -o pipefail; false | true; echo $?`, stdout: "0\n1\n"},
		{what: "here-documents", text: "x=5; cat <<E\nvalue $x\nE\ncat <<'E'\nraw $x\nE\ncat <<-E\n\ttabs\n\tE\n", stdout: "value 5\nraw $x\ntabs\n"},
		{what: "here-strings", text: `tr a b <<< "banana"`, stdout: "bbnbnb\n"},
		{what: "arrays", text: `a=(1 "2 3" 4); echo ${#a[@]} "${a[1]}"; a+=(5); for x in "${a[@]}"; do echo "<$x>"; done`, stdout: "3 2 3\n<1>\n<2 3>\n<4>\n<5>\n"},
		{what: "named arrays", text: `declare -A m=([k]=v); m[l]=w; echo ${m[k]}${m[l]}`, stdout: "vw\n"},
		{what: "arithmetic", text: `echo $((2**10 % 7)) $((1<2?8:9)); i=1; ((i+=4)); echo $i`, stdout: "2 8\n5\n"},
		{what: "tests", text: `[[ abc == a* && ! -e nope ]] && echo y; [ -f a -a -d d ] && test 3 -gt 2 && echo z; [[ ab12 =~ ([a-z]+)([0-9]+) ]] && echo ${BASH_REMATCH[2]}`, stdout: "y\nz\n12\n"},
		{what: "expansions", text: `f=/x/y.tar.gz; echo ${f##*/} ${f%.*} ${f/x/z} ${f^^} ${n:-none} ${#f} ${f:1:1}`, stdout: "y.tar.gz /x/y.tar /z/y.tar.gz /X/Y.TAR.GZ none 11 x\n"},
		{what: "globs and braces", text: `echo * {p,q}{1..2} d/?`, stdout: "a b d p1 p2 q1 q2 d/e\n"},
		{what: "functions and locals", text: `x=1; f() { local x=2; echo $x $1; return 3; }; f q; echo $? $x`, stdout: "2 q\n3 1\n"},
		{what: "case, while, read", text: `while IFS=' ' read -r n w; do case $w in x) echo "$n is x";; *) echo other;; esac; done < b`, stdout: "10 is x\nother\n100 is x\n"},
		{what: "sub-shells keep to themselves", text: `x=1; (x=2; cd /; exit 4); echo $x $?; pwd | grep -c /`, stdout: "1 4\n1\n"},
		{what: "substitution and its code", text: `x=$(echo hi; exit 6); echo $x $?; echo "$(< a)" | head -1`, stdout: "hi 6\none\n"},
		{what: "process substitution", text: `cmp <(echo 1) <(echo 1) && echo same`, stdout: "same\n"},
		{what: "redirections", text: `{ echo out; echo err >&2; } > o 2>&1; cat o; echo more >> o; wc -l < o; cat nope 2>/dev/null || echo gone`, stdout: "out\nerr\n3\ngone\n"},
		{what: "set -e", text: `set -e; false; echo never`, code: 1},
		{what: "set -u", text: `set -u; echo $nope; echo never`, code: 1, only: true},
		{what: "set -x prints", text: `set -x; echo hi`, stdout: "hi\n", stderr: "+ echo hi\n"},
		{what: "exit codes", text: `(exit 300); echo $?; sh -c 'kill -9 $$'; echo $?`, stdout: "44\n137\n"},
		{what: "$0 and parameters", text: `sh -c 'echo $0 $# "$@"' name 'a b' c; set -- x y; shift; echo $1`, stdout: "name 2 a b c\ny\n"},
		{what: "a script with parameters", text: `echo 'echo $1; exit 7' > s; sh s arg; echo $?`, stdout: "arg\n7\n"},
		{what: "a script on standard input", text: `echo 'echo in; exit 5' | sh; echo $?`, stdout: "in\n5\n"},
		{what: "a script without #!", text: `echo 'echo bare $1' > s; chmod +x s; ./s x`, stdout: "bare x\n"},
		{what: "several options at once", text: `sh -euc 'true; false; echo never'; echo $?`, stdout: "1\n"},
		{what: "umask", text: `umask 077; umask; touch f; stat -c %a f`, stdout: "0077\n600\n"},
		{what: "export", text: `x=1; sh -c 'echo [$x]'; export x; sh -c 'echo [$x]'; y=2 sh -c 'echo $y'`, stdout: "[]\n[1]\n2\n"},
		{what: "PWD goes along", text: `cd d && env | grep -c ^PWD=`, stdout: "1\n"},
		{what: "printf", text: `printf '%5.2f|%-4s|%03d|%x\n' 3.14159 ab 7 255; printf '%s\n' a b`, stdout: " 3.14|ab  |007|ff\na\nb\n"},
		{what: "printf again and again", text: `printf '%s=%d;' a 1 b; printf '%b|%c\n' 'x\ty' zed; printf -v v '%03d' 7; echo $v; printf '\x41\101\u20ac%%\n'; printf '%*d|\n' 5 42; printf '%d %d\n' "'A" 0x1f`,
			stdout: "a=1;b=0;x\ty|z\n007\nAA€%\n   42|\n65 31\n"},
		{what: "a number that is none", text: `printf '%d\n' 12x || echo bad`, stdout: "12\nbad\n"},
		{what: "printf as a program", text: `env printf '%s-%s\n' a b; echo 1 2 | xargs echo n`, stdout: "a-b\nn 1 2\n"},
		{what: "eval", text: `c='echo $((1+1))'; eval "$c"`, stdout: "2\n"},
		{what: "a syntax error", text: `echo "`, code: 2, only: true},
		{what: "an unknown command", text: `python3 x`, code: 127, stderr: "python3: not in the starter image\n", only: true},
		{what: "an unknown path", text: `./nope`, code: 127, stderr: "./nope: No such file or directory\n", only: true},
		{what: "a folder as a command", text: `./d`, code: 126, stderr: "./d: Is a directory\n", only: true},
		{what: "a file that may not run", text: `./a`, code: 126, stderr: "./a: Permission denied\n", only: true},
	})
}

func TestJobsAreProcesses(t *testing.T) {
	runScripts(t, []script{
		{what: "wait gives the code", text: `(exit 5) & wait $!; echo $?`, stdout: "5\n"},
		{what: "wait for all", text: `echo a > p & echo b > q & wait; cat p q`, stdout: "a\nb\n"},
		{what: "kill by number", text: `sleep 60 & kill $!; wait $!; echo $?`, stdout: "143\n"},
		{what: "kill by %", text: `sleep 60 & kill -9 %1; wait $!; echo $?`, stdout: "137\n"},
		{what: "$! is the program itself", text: `sleep 60 & for i in $(seq 500); do c=$(tr '\0' ' ' < /proc/$!/cmdline); test "$c" = "sleep 60 " && break; done; echo $c; kill $!`, stdout: "sleep 60\n"},
		{what: "it knows variables, functions and parameters", text: `v='a b'; arr=(1 2); f() { echo "$v" "$1" ${arr[1]}; }; set -- p; f "$1" & wait`, stdout: "a b p 2\n"},
		{what: "it changes none of them", text: `v=1; { v=2; } & wait; echo $v`, stdout: "1\n"},
		{what: "it outlives the shell", text: `sh -c '{ sleep 0.1; echo late > f; } >/dev/null 2>&1 &'; until [ -s f ]; do :; done; cat f`, stdout: "late\n"},
		{what: "it holds no output that it sends elsewhere", text: `x=$(sleep 60 >/dev/null 2>&1 & echo $!); kill $x && echo quick`, stdout: "quick\n"},
		{what: "it reads nothing of the shell's", text: `echo line | { cat & wait; echo done; }`, stdout: "done\n", only: true},
		{what: "eval starts jobs too", text: `eval 'sleep 60 & p=$!'; kill $p; wait $p; echo $?`, stdout: "143\n"},
		{what: "$$ is the shell's in all of them", text: `p=$$; (test $$ = $p && echo a); { test $$ = $p && echo b; } & wait`, stdout: "a\nb\n"},
		{what: "an unknown job", text: `wait 1; echo $?`, stdout: "127\n"},
		{what: "inside a function", text: `f() { sleep 60 & echo $! > pid; }; f; kill $(cat pid) && echo ok`, stdout: "ok\n"},
	})
}

func TestTraps(t *testing.T) {
	runScripts(t, []script{
		{what: "at the end", text: `trap 'echo bye' EXIT; echo hi; exit 3`, stdout: "hi\nbye\n", code: 3},
		{what: "0 is EXIT", text: `trap 'echo bye' 0; true`, stdout: "bye\n"},
		{what: "a signal", text: `trap 'echo got' USR1; kill -USR1 $$; true; echo after`, stdout: "got\nafter\n"},
		{what: "a signal that ends it", text: `trap 'echo got; exit 9' TERM; kill $$; true; echo never`, stdout: "got\n", code: 9},
		{what: "ignored", text: `trap '' TERM; kill $$; echo alive`, stdout: "alive\n"},
		{what: "as it was", text: `trap 'echo no' TERM; trap - TERM; kill $$; echo never`, code: -1},
		{what: "during wait", text: `trap 'echo got' USR1; sleep 60 & p=$!; sh -c "sleep 0.1; kill -USR1 $$" & wait $p; echo $?; kill $p`, stdout: "got\n138\n"},
		{what: "both kinds at once", text: `trap 'echo x' EXIT USR1; kill -USR1 $$; true`, stdout: "x\nx\n"},
		{what: "an unknown name", text: `trap 'echo x' NOPE || echo refused`, stdout: "refused\n"},
	})
}
