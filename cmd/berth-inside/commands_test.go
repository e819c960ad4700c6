package main

import "testing"

func TestTextCommands(t *testing.T) {
	runScripts(t, []script{
		{what: "cat", text: `cat a - < b | wc -l; cat -n a | head -1; echo x | cat a -`, stdout: "6\n     1\tone\none\ntwo\nthree\nx\n"},
		{what: "cat says what is wrong and goes on", text: `cat nope a d; echo $?`, stdout: "one\ntwo\nthree\n1\n", stderr: "cat: nope: No such file or directory\ncat: d: Is a directory\n"},
		{what: "head", text: `head -1 a; head -n 2 a | wc -l; head -c 3 a; echo; head -n -1 a; seq 100 | head | tail -1`, stdout: "one\n2\none\none\ntwo\n10\n"},
		{what: "head of two", text: `head -n 1 a b`, stdout: "==> a <==\none\n\n==> b <==\n10 x\n"},
		{what: "tail", text: `tail -1 a; tail -n 2 a | head -1; tail -n +2 a; tail -c 4 a; seq 100 | tail | head -1`, stdout: "three\ntwo\ntwo\nthree\nree\n91\n"},
		{what: "wc", text: `wc -l a; wc -w < a; wc -c a | cut -d' ' -f1; printf 'ä' | wc -m; printf 'x' | wc -l`, stdout: "3 a\n3\n14\n1\n0\n"},
		{what: "tee", text: `echo x | tee p q; cat p q; echo y | tee -a p > /dev/null; cat p`, stdout: "x\nx\nx\nx\ny\n"},
		{what: "cut", text: `echo a:b:c | cut -d: -f1,3; echo abcdef | cut -c2-4; echo none | cut -d: -f2; echo none | cut -s -d: -f2; echo a:b:c | cut -d: -f2-; echo äöü | cut -c2`,
			stdout: "a:c\nbcd\nnone\nb:c\nö\n", only: true},
		{what: "tr", text: `echo hello | tr a-y b-z; echo aabbcc | tr -s ab; echo a1b2 | tr -d 0-9; echo a1b2 | tr -cd '0-9\n'; echo 'a b' | tr ' ' '\n'; echo Ab | tr '[:upper:]' '[:lower:]'; echo a-b | tr -- - _`,
			stdout: "ifmmp\nabcc\nab\n12\na\nb\nab\na_b\n"},
		{what: "uniq", text: `printf 'a\na\nb\n' | uniq -c; printf 'a\na\nb\n' | uniq -d; printf 'a\na\nb\n' | uniq -u; printf 'A\na\n' | uniq -i`, stdout: "      2 a\n      1 b\na\nb\nA\n"},
		{what: "sort", text: `sort b; echo; sort -n b; echo; sort -k2,2 -k1,1nr b; echo; printf 'b\na\nb\n' | sort -u; printf '2K\n1G\n3\n' | sort -h; printf 'v1.10\nv1.9\n' | sort -V; printf 'b:1\na:2\n' | sort -t: -k2 -r`,
			stdout: "10 x\n100 x\n9 y\n\n9 y\n10 x\n100 x\n\n100 x\n10 x\n9 y\n\na\nb\n3\n2K\n1G\nv1.9\nv1.10\na:2\nb:1\n"},
		{what: "sort into itself", text: `sort -o a a; cat a; sort -c a && echo sorted`, stdout: "one\nthree\ntwo\nsorted\n"},
		{what: "seq", text: `seq 3 | xargs; seq 2 2 6 | xargs; seq 3 -1 1 | xargs; seq -s, 3; seq -w 9 10; seq 0 0.5 1; seq 1 0`, stdout: "1 2 3\n2 4 6\n3 2 1\n1,2,3\n09\n10\n0.0\n0.5\n1.0\n"},
		{what: "base64", text: `echo hello | base64; echo aGVsbG8K | base64 -d; head -c 60 /dev/zero | base64 | wc -l; head -c 60 /dev/zero | base64 -w0 | wc -c`, stdout: "aGVsbG8K\nhello\n2\n80\n"},
		{what: "sha256sum", text: `sha256sum a > s; cat s | cut -c1-16; sha256sum -c s; echo x >> a; sha256sum -c s 2>/dev/null; echo $?`, stdout: "b6285c57e8797db5\na: OK\na: FAILED\n1\n"},
		{what: "gzip", text: `gzip a; ls; gzip -d a.gz; cat a | gzip | gzip -dc | tail -1; gzip -k a; ls`, stdout: "a.gz\nb\nd\nthree\na\na.gz\nb\nd\n"},
		{what: "cmp", text: `cmp a a && echo same; cmp a b; cmp -s a b || echo other`, stdout: "same\na b differ: byte 1, line 1\nother\n"},
	})
}

func TestGrep(t *testing.T) {
	runScripts(t, []script{
		{what: "plain", text: `grep o a; grep -c o a; grep -v o a; grep -n t a; grep -i ONE a; grep -q o a; echo $?; grep nope a; echo $?`, stdout: "one\ntwo\n2\nthree\n2:two\n3:three\none\n0\n1\n"},
		{what: "basic patterns", text: `printf 'a+b\naab\na(b\n' | grep 'a+b'; printf 'a+b\naab\n' | grep 'a\+b'; echo 'x(y)' | grep -o '(.)'; printf 'ab\nabab\n' | grep -x '\(ab\)\{2\}'; echo 'a*b' | grep '*b'; echo '$5' | grep '$5'`,
			stdout: "a+b\naab\n(y)\nabab\na*b\n$5\n"},
		{what: "extended patterns", text: `grep -E '^(one|two)$' a; echo foo123 | grep -oE '[0-9]+'; echo 'a{b' | grep -E 'a\{b'; printf 'ab\nac\n' | grep -E 'a(b|c)' | wc -l; echo 'a.b' | grep -F '.'`, stdout: "one\ntwo\n123\na{b\n2\na.b\n"},
		{what: "classes and words", text: `printf 'a1\nb \n' | grep '[[:digit:]]'; printf 'foo bar\nfoobar\n' | grep -w foo; printf 'foobar\nfoo bar\n' | grep '\<bar'; echo 'a]b' | grep '[]]'; echo 'a\b' | grep '[\]'`, stdout: "a1\nfoo bar\nfoo bar\na]b\na\\b\n"},
		{what: "files", text: `grep -l o a b; grep -L o a b; grep -H one a; grep o a b; grep -h x b | head -1; grep -s x nope; echo $?`, stdout: "a\nb\na:one\na:one\na:two\n10 x\n2\n"},
		{what: "folders", text: `grep -r e . | sort; grep -rl deep d; grep -rn --include='*.go' x . ; grep -r deep --exclude-dir=d .; echo $?`, stdout: "./a:one\n./a:three\n./d/e:deep\nd/e\n1\n"},
		{what: "around", text: `grep -A1 one a; grep -B1 three a; printf '1\n2\nx\n4\n5\nx\n7\n' | grep -C1 x; seq 9 | grep -n -A1 -e 2 -e 7`, stdout: "one\ntwo\ntwo\nthree\n2\nx\n4\n5\nx\n7\n2:2\n3-3\n--\n7:7\n8-8\n"},
		{what: "more than one pattern", text: "grep -e one -e two a; printf 'one\\n' > p; grep -f p a; grep 'one\nthree' a; seq 20 | grep -m 2 1", stdout: "one\ntwo\none\none\nthree\n1\n10\n"},
		{what: "a bad pattern", text: `grep '[' a; echo $?`, stdout: "2\n", stderr: "grep: unmatched [ in [\n", only: true},
		{what: "no file", text: `grep x nope; echo $?`, stdout: "2\n", stderr: "grep: nope: No such file or directory\n"},
	})
}

func TestSed(t *testing.T) {
	runScripts(t, []script{
		{what: "substitute", text: `sed s/o/0/ a; echo aaa | sed s/a/b/g; echo aaa | sed s/a/b/2; echo 'a/b' | sed 's|/|:|'; echo hello | sed 's/l*o/[&]/'; echo ab | sed -E 's/(a)(b)/\2\1/'; echo ab | sed 's/\(a\)\(b\)/\2\1/'`,
			stdout: "0ne\ntw0\nthree\nbbb\naba\na:b\nhe[llo]\nba\nba\n"},
		{what: "more of it", text: `echo Hi | sed 's/hi/x/I'; echo a | sed 's/a/x\ny/'; echo a.b | sed 's/\./\//'; echo foo | sed 's/o$/!/'; echo 'a b' | sed -E 's/\s+/_/'; echo word | sed 's/.*/\U&/; s/$/ \Eend/'`, stdout: "x\nx\ny\na/b\nfo!\na_b\nWORD end\n"},
		{what: "addresses", text: `sed -n 2p a; sed -n '2,$p' a; sed -n /tw/p a; sed 1d a; sed '/one/,/two/d' a; sed -n '$=' a; sed '2!d' a; seq 9 | sed -n '1~3p'; seq 5 | sed -n '2,+1p'; sed -n '0,/one/p' a`,
			stdout: "two\ntwo\nthree\ntwo\ntwo\nthree\nthree\n3\ntwo\n1\n4\n7\n2\n3\none\n"},
		{what: "text", text: "sed '1i\\\nbefore' a | head -1; sed '1a after' a | sed -n 2p; sed '2c changed' a | sed -n 2p; sed '$a end' a | tail -1", stdout: "before\nafter\nchanged\nend\n"},
		{what: "spaces and jumps", text: `seq 4 | sed 'N;s/\n/,/'; seq 3 | sed -n 'H;${x;s/\n/ /g;p}'; seq 3 | sed 'G' | wc -l; echo aab | sed ':x;s/aa/a/;tx'; seq 3 | sed '1!G;h;$!d'; echo ab | sed y/ab/xy/; seq 3 | sed 2q; seq 3 | sed 'n;d'`,
			stdout: "1,2\n3,4\n 1 2 3\n6\nab\n3\n2\n1\nxy\n1\n2\n1\n3\n"},
		{what: "blocks", text: `sed -n '/two/{s/w/W/;p}' a; sed -e '1{' -e 's/o/O/' -e '}' a | head -1`, stdout: "tWo\nOne\n"},
		{what: "in place", text: `chmod 640 a; sed -i 's/one/1/' a b; cat a; stat -c %a a; ls`, stdout: "1\ntwo\nthree\n640\na\nb\nd\n"},
		{what: "files", text: `echo 's/one/X/' > s; sed -f s a | head -1; sed -n 'w out' a; cat out | wc -l; sed '1r b' a | sed -n 2p; sed 's/two/2/w o2' a > /dev/null; cat o2`, stdout: "X\n3\n10 x\n2\n"},
		{what: "no newline at the end", text: `printf 'a\nb' | sed s/b/c/ | od -c 2>/dev/null | wc -c > /dev/null; printf 'a\nb' | sed s/b/c/ | wc -l`, stdout: "1\n"},
		{what: "mistakes", text: `sed k a; echo $?`, stdout: "1\n", stderr: "sed: unknown command: 'k'\n", only: true},
		{what: "what it cannot do", text: `sed 's/\(a\)\1/x/' a; echo $?`, stdout: "1\n", stderr: "sed: back-references in patterns are not in the starter image\n", only: true},
	})
}

func TestFileCommands(t *testing.T) {
	runScripts(t, []script{
		{what: "cp", text: `cp a c; cat c | head -1; cp a b d; ls d; cp -r d d2; ls d2; cp d x; echo $?`, stdout: "one\na\nb\ne\na\nb\ne\n1\n"},
		{what: "cp keeps", text: `chmod 755 a; touch -d 2020-01-02 a; cp -p a c; stat -c '%a %Y' c; ln -s a l; cp -a l m; readlink m; cp l n; stat -c %F n; cp -n b a; head -1 a`, stdout: "755 1577923200\na\nregular file\none\n"},
		{what: "cp onto itself", text: `cp a a; echo $?`, stdout: "1\n"},
		{what: "mv", text: `mv a c; ls; mv c d; ls d; mv -n b d/e; cat d/e; mv d f; ls`, stdout: "b\nc\nd\nc\ne\ndeep\nb\nf\n"},
		{what: "rm", text: `rm a; ls; rm d; echo $?; rm -r d; ls; rm nope; echo $?; rm -f nope; echo $?`, stdout: "b\nd\n1\nb\n1\n0\n"},
		{what: "rm never takes the root", text: `rm -rf / ; echo $?; rm -rf . ; echo $?; ls`, stdout: "1\n1\na\nb\nd\n", stderr: "rm: refusing to remove /\nrm: refusing to remove .\n", only: true},
		{what: "mkdir, rmdir", text: `mkdir x; mkdir x; echo $?; mkdir -p x/y/z x; mkdir -m 700 p; stat -c %a p; rmdir x; echo $?; rmdir -p x/y/z; ls`, stdout: "1\n700\n1\na\nb\nd\np\n"},
		{what: "ln, readlink", text: `ln -s a l; readlink l; readlink -f l | grep -c /a; ln a h; stat -c %h a; ln -sf b l; cat l | head -1; ln -s a l; echo $?; ln -sfn d l; readlink l`, stdout: "a\n1\n2\n10 x\n1\nd\n"},
		{what: "touch", text: `touch n; ls n; touch -c m; ls m 2>/dev/null; touch -d '2001-02-03 04:05:06' a; stat -c %y a | cut -c1-19; touch -r a b; stat -c %Y b`, stdout: "n\n2001-02-03 04:05:06\n981173106\n"},
		{what: "chmod", text: `chmod 600 a; stat -c %a a; chmod u+x,go=r a; stat -c %a a; chmod a-w a; stat -c %A a; chmod -R 700 d; stat -c %a d d/e; chmod +x b; stat -c %a b; chmod -x b; stat -c %a b; chmod zz a; echo $?`,
			stdout: "600\n744\n-r-xr--r--\n700\n700\n755\n644\n1\n"},
		{what: "mktemp", text: `f=$(mktemp); test -f $f && stat -c %a $f; d=$(mktemp -d ./xXXXX); stat -c '%F %a' $d; rm -r $f $d; mktemp -u -p /q | cut -c1-6; mktemp abc; echo $?`, stdout: "600\ndirectory 700\n/q/tmp\n1\n", only: true},
		{what: "basename, dirname", text: `basename /x/y.txt; basename /x/y.txt .txt; dirname /x/y/z; dirname a; dirname /; dirname /x/; basename -s .c a.c b.c; basename -a /p/q r`, stdout: "y.txt\ny\n/x/y\n.\n/\n/\na\nb\nq\nr\n"},
		{what: "stat", text: `stat -c '%n %s %F %a' a d; ln -s a l; stat -c '%F %N' l; stat -L -c %F l; stat nope; echo $?`, stdout: "a 14 regular file 644\nd 4096 directory 755\nsymbolic link 'l' -> 'a'\nregular file\n1\n", only: true},
		{what: "ls", text: `touch .h; ls; ls -a; ls -A; ls -1 d; ls -d d; ls nope; echo $?; ls -r; ls -F; ls -R d; ls a d`, stdout: "a\nb\nd\n.\n..\n.h\na\nb\nd\n.h\na\nb\nd\ne\nd\n2\nd\nb\na\na\nb\nd/\nd:\ne\na\n\nd:\ne\n"},
		{what: "ls -l", text: `ln -s a l; ls -l | sed -E 's/ +/ /g' | cut -d' ' -f1,5,9-; ls -la d | wc -l; ls -lh a | sed -E 's/ +/ /g' | cut -d' ' -f5; ls -t | head -1; ls -S | tail -1`,
			stdout: "total\n-rw-r--r-- 14 a\n-rw-r--r-- 15 b\ndrwxr-xr-x 4096 d\nlrwxrwxrwx 1 l -> a\n4\n14\nl\nl\n", only: true},
		{what: "du, df", text: `du -b a | cut -f1; du -s d | cut -f2; head -c 5000 /dev/zero > z; du -h z | cut -f1; df . | wc -l; df -h / | tail -1 | grep -c /`, stdout: "14\nd\n8.0K\n2\n1\n"},
		{what: "tar", text: `tar cf t.tar a d; tar tf t.tar; mkdir o; tar xf t.tar -C o; cat o/d/e; tar czf t.tgz -C o .; tar tzf t.tgz | sort; tar xOf t.tar a | head -1; tar xzf t.tgz -C o --strip-components=1 ./d; ls o`,
			stdout: "a\nd/\nd/e\ndeep\n./\n./a\n./d/\n./d/e\none\na\nd\n"},
		{what: "tar through a pipe", text: `tar c a | tar t; tar cz d | (mkdir p && cd p && tar xz && ls d); tar cf t.tar --exclude=e d; tar tf t.tar`, stdout: "a\ne\nd/\n", only: true},
		{what: "what is no archive", text: `tar tf b; echo $?; tar xf nope; echo $?`, stdout: "2\n2\n"},
	})
}

func TestFind(t *testing.T) {
	runScripts(t, []script{
		{what: "names and types", text: `find . | sort; find . -type f -name '[ab]' | sort; find d -type d; find . -iname A; find . ! -name '*' ; find . -path './d/*'; find d a -maxdepth 0`, stdout: ".\n./a\n./b\n./d\n./d/e\n./a\n./b\nd\n./a\n./d/e\nd\na\n"},
		{what: "or, not, parentheses", text: `find . \( -name a -o -name e \) -type f | sort; find . -type f -not -name a | sort; find . -name d -prune -o -type f -print | sort; find . -mindepth 2`, stdout: "./a\n./d/e\n./b\n./d/e\n./a\n./b\n./d/e\n"},
		{what: "size, time, perm, empty", text: `touch n; find . -empty; find . -size +13c -type f | sort; touch -d '3 days ago' a; find . -mtime +1; find . -newer a -name b; chmod 600 b; find . -perm 600; find . -type f -perm -044 | sort`,
			stdout: "./n\n./a\n./b\n./a\n./b\n./b\n./a\n./d/e\n./n\n"},
		{what: "exec", text: `find . -name a -exec cat {} \; | head -1; find . -type f -exec echo {} + | wc -w; find . -name e -exec sh -c 'echo $1' _ {} \;; find . -name a -print0 | tr '\0' '!'; find . -name '?' -type f -delete; find . -type f; find . -name d -printf '%f %p\n'`,
			stdout: "one\n3\n./d/e\n./a!d ./d\n"},
		{what: "mistakes", text: `find . -nope; echo $?; find nope; echo $?`, stdout: "1\n1\n"},
	})
}

func TestSystemCommands(t *testing.T) {
	runScripts(t, []script{
		{what: "env", text: `env -i x=1 /bin/true; env -i a=b env; env -u HOME env | grep -c ^HOME; x=1 printenv x; printenv nope; echo $?; env nope 2>/dev/null; echo $?`, stdout: "a=b\n0\n1\n1\n127\n"},
		{what: "id, whoami", text: `test $(id -u) = $(id -ru 2>/dev/null || id -u) && id | cut -d= -f1; id -u | grep -c '^[0-9]*$'`, stdout: "uid\n1\n"},
		{what: "hostname, uname", text: `test "$(hostname)" = "$(uname -n)" && echo same; uname; uname -sm | wc -w`, stdout: "same\nLinux\n2\n"},
		{what: "date", text: `date -u -d @0 '+%Y-%m-%d %H:%M:%S %j %a %b %e %s %%'; date -d '2024-02-29 12:00' +%F; date -u -d @86399 +%T; date -d nonsense 2>/dev/null; echo $?; date -u -d @0 -Iseconds; date -u -d @0; date +%N | wc -c`,
			stdout: "1970-01-01 00:00:00 001 Thu Jan  1 0 %\n2024-02-29\n23:59:59\n1\n1970-01-01T00:00:00+00:00\nThu Jan  1 00:00:00 UTC 1970\n10\n"},
		{what: "sleep", text: `sleep 0.01 && echo ok; sleep x; echo $?`, stdout: "ok\n1\n"},
		{what: "kill", text: `sleep 60 & kill -0 $! && echo there; kill -s KILL $!; wait $!; echo $?; kill -l 2>/dev/null | grep -c TERM; kill nope; echo $?`, stdout: "there\n137\n1\n1\n", only: true},
		{what: "ps", text: `sleep 61 & for i in $(seq 500); do ps -e | grep -q ' sleep 61$' && echo seen && break; done; kill $!`, stdout: "seen\n", only: true},
		{what: "which", text: `which sh | grep -c /sh; which nope; echo $?`, stdout: "1\n1\n"},
		{what: "xargs", text: `printf 'a b\nc' | xargs; printf 'a\nb\n' | xargs -n1 echo x; printf 'a\nb\n' | xargs -I{} echo '<{}>'; printf 'a b\0c' | xargs -0 -n1; printf '"a b" c' | xargs -n1; xargs -r echo no < /dev/null; xargs echo yes < /dev/null; echo 1 | xargs false; echo $?; echo 1 | xargs nope 2>/dev/null; echo $?; echo a:b | tr -d '\n' | xargs -d: echo`,
			stdout: "a b c\nx a\nx b\n<a>\n<b>\na b\nc\na b\nc\nyes\n123\n127\na b\n"},
		{what: "test, [, true, false as programs", text: `env test -f a && echo y; env [ 1 -eq 1 ] && echo z; env true; echo $?; env false; echo $?; env pwd | grep -c /; env echo -n x; env echo`, stdout: "y\nz\n0\n1\n1\nx\n"},
		{what: "an unknown option", text: `head -Q; echo $?; ls --nope; echo $?`, stdout: "2\n2\n", stderr: "head: invalid option -- 'Q'\nls: unrecognized option '--nope'\n", only: true},
		{what: "a broken pipe ends a writer", text: `seq 1000000 | head -1; yes() { while :; do echo y; done; }; seq 100000 | grep -m1 5`, stdout: "1\n5\n"},
		{what: "output to a full device", text: `cat a > /dev/full || echo failed; sort a > /dev/full || echo failed`, stdout: "failed\nfailed\n", only: true},
	})
}
