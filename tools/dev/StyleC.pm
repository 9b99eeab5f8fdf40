# The rules of the house style about C files, for style-check. A file is read once with comments,
# strings and preprocessor lines blanked out (every line keeps its number) and cut into the items
# of file scope: prototypes, variables, types and functions.
package StyleC;
use strict;
use warnings;

my $FUNCTION_LINES = 70;
my $PARAMETERS     = 6;
my $NESTING        = 4;
my ($HEADER_LEAST, $HEADER_MOST) = (3, 15); # in tests/ a tiny program may say it in one line

my %PREFIX = (iocp => 'iocp', sessions => 'sess', wire => 'wire', runner => 'run');
my %MAY_INCLUDE = (
    iocp     => [qw(iocp)],
    sessions => [qw(sessions iocp)],
    wire     => [qw(wire)],
    runner   => [qw(runner sessions iocp wire)],
    tools    => [qw(tools wire)],
);
my $OS_FILE = qr/_(win|unix|linux|epoll)\.[ch]$/;

# Headers that are the same on every system: the C library and the processor's intrinsics.
my %PORTABLE = map { $_ => 1 } qw(assert.h ctype.h errno.h float.h inttypes.h limits.h math.h
    setjmp.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h
    stdnoreturn.h string.h time.h wchar.h emmintrin.h immintrin.h tmmintrin.h cpuid.h intrin.h
    getopt.h xxhash.h zstd.h execport_version.h);

my $PRINTS = qr/(?<![>.])\b(v?f?printf|puts|fputs|fputc|putc|putchar|perror|errx?|warnx?)\s*\(/;
my $EXITS  = qr/(?<![>.])\b(exit|quick_exit|_Exit)\s*\(/;

# check(PATH, TEXT, FAULT): calls FAULT->(LINE, WHAT) for each fault.
sub check {
    my ($path, $text, $fault) = @_;
    my ($folder) = $path =~ m{^([^/]+)/};
    my $file = { path => $path, folder => $folder // '', fault => $fault,
        lines => [split /\n/, $text, -1], is_header => scalar($path =~ /\.h$/) };
    check_header_comment($file);
    my ($code, $directives) = blank_out($text);
    check_directives($file, @$directives);
    check_calls($file, $code) if $file->{folder} =~ /^(iocp|sessions|wire)$/;
    $file->{last_prototype} = -1;
    for my $item (items($code)) {
        check_item($file, $item);
    }
}

sub check_header_comment {
    my ($file) = @_;
    my $lines = $file->{lines};
    my $count = 0;
    if ($lines->[0] =~ m{^/\*}) {
        $count++ while $count < @$lines && $lines->[$count] !~ m{\*/};
        $count++;
    } else {
        $count++ while $count < @$lines && $lines->[$count] =~ m{^//};
    }
    my $least = $file->{folder} eq 'tests' ? 1 : $HEADER_LEAST;
    $file->{fault}->(1, "opening comment of $count lines ($HEADER_LEAST to $HEADER_MOST)")
        if $count < $least || $count > $HEADER_MOST;
}

# The text with comments, literals and preprocessor lines as spaces, and those lines as
# [number, text]. Literals keep their quotes.
sub blank_out {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|//[^\n]*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}
              {defined $1 ? spaces($1) : substr($2, 0, 1) . inner($2) . substr($2, -1)}gse;
    my ($number, $continued, @directives, @kept) = (0, 0);
    for my $line (split /\n/, $text, -1) {
        $number++;
        if ($continued || $line =~ /^\s*#/) {
            push @directives, [$number, $line] if !$continued;
            $continued = $line =~ /\\$/;
            $line = spaces($line);
        }
        push @kept, $line;
    }
    return (join("\n", @kept), \@directives);
}

sub spaces { my ($text) = @_; $text =~ s/[^\n]/ /g; return $text }

# What stands in a literal: include paths are needed, anything else must not look like code.
sub inner {
    my ($text) = @_;
    my $inside = substr $text, 1, -1;
    return $inside =~ m{^[\w/.]+\.h$} ? $inside : spaces($inside);
}

sub check_directives {
    my ($file, @directives) = @_;
    my $path = $file->{path};
    my $guard;
    for my $directive (@directives) {
        my ($number, $line) = @$directive;
        $guard //= $1 if $line =~ /^#ifndef (\w+)/;
        check_include($file, $number, $1, $2) if $line =~ /^\s*#\s*include\s*([<"])([^>"]+)/;
        $file->{fault}->($number, "$1 outside a file that is named for the system")
            if $path !~ /_win\.[ch]$/
            && $line =~ /\b(_WIN32|_WIN64|__linux__|__unix__|__APPLE__)\b/;
    }
    return if !$file->{is_header} || !$PREFIX{ $file->{folder} };
    my ($stem) = $path =~ m{([^/]+)\.h$};
    my ($want, $long) = map { uc "${_}_${stem}_H" } $PREFIX{ $file->{folder} }, $file->{folder};
    $file->{fault}->(1, "include guard is not $want") if ($guard // '') !~ /^($want|$long)$/;
}

sub check_include {
    my ($file, $number, $quote, $name) = @_;
    my ($folder, $path, $fault) = @$file{qw(folder path fault)};
    my $allowed = $MAY_INCLUDE{$folder} or return;
    if ($quote eq '"') {
        my ($from) = $name =~ m{^([^/]+)/};
        $fault->($number, "include without its folder: $name") if !defined $from;
        $fault->($number, "$folder must not include $name")
            if defined $from && !grep { $_ eq $from } @$allowed;
        return;
    }
    return if $PORTABLE{$name} || $name =~ m{^nettle/} && $folder =~ /^(runner|tools)$/;
    return if $folder ne 'wire' && $path =~ $OS_FILE || $folder eq 'tools';
    $fault->($number, "system header <$name> in a file that is not named for the system");
}

sub check_calls {
    my ($file, $code) = @_;
    my $number = 0;
    for my $line (split /\n/, $code, -1) {
        $number++;
        $file->{fault}->($number, "$file->{folder} prints: $1") if $line =~ $PRINTS;
        $file->{fault}->($number, "$file->{folder} ends the process: $1") if $line =~ $EXITS;
        $file->{fault}->($number, "$file->{folder} ends the process: _exit")
            if $line =~ /\b_exit\s*\(/ && $file->{path} !~ $OS_FILE;
    }
}

# Cuts code into [first line, last line, head, body]; the body of a type or an initialiser stays
# in the head as "{}", the body of a function is apart.
sub items {
    my ($code) = @_;
    my (@items, @open);
    my ($head, $body, $first, $line) = ('', undef, undef, 1);
    while ($code =~ /\G([^{};\n]+|.|\n)/g) {
        my $token = $1;
        if ($token eq "\n") { $line++; $token = ' ' if !@open || defined $body }
        $first //= $line if $token =~ /\S/;
        if ($token eq '{') {
            if (!@open && $head =~ /\)[\s\w]*$/ && $head !~ /=/) { $body = '' }
            push @open, 1;
            if (defined $body) { $body .= '{' } else { $head .= '{' if @open == 1 }
        } elsif ($token eq '}') {
            pop @open;
            if (defined $body) {
                $body .= '}';
                if (!@open) {
                    push @items, [$first, $line, $head, $body];
                    ($head, $body, $first) = ('', undef, undef);
                }
            } elsif (!@open) { $head .= '}' }
        } elsif ($token eq ';' && !@open) {
            push @items, [$first, $line, $head, undef] if $head =~ /\S/;
            ($head, $first) = ('', undef);
        } elsif (defined $body) {
            $body .= $token;
        } elsif (!@open) {
            $head .= $token;
        }
    }
    return @items;
}

sub check_item {
    my ($file, $item) = @_;
    my ($first, $last, $head, $body) = @$item;
    $head =~ s/\s+/ /g;
    $head =~ s/__attribute__ ?\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)//g;
    $head =~ s/^ | $//g;
    my $bare = $head =~ s/=.*//r;
    return if $head =~ /^(_Static_assert|typedef)\b/;
    if ($head =~ /^(?:struct|union|enum) ?(\w*) ?\{\}$/) {
        check_name($file, $first, $1) if $file->{is_header} && $1 ne '';
    } elsif ($bare =~ /^([^(]*?)(\w+) ?\(((?! ?\*).*)\) ?\w*$/) {
        check_function($file, $item, $1, $2, $3);
    } else {
        check_variable($file, $first, $bare);
    }
}

sub check_name {
    my ($file, $line, $name) = @_;
    my $prefix = $PREFIX{ $file->{folder} } or return;
    $file->{fault}->($line, "$name does not begin with ${prefix}_")
        if $name !~ /^${prefix}_/ && $name ne 'main';
}

sub check_function {
    my ($file, $item, $before, $name, $parameters) = @_;
    my ($first, $last, undef, $body) = @$item;
    my $fault = $file->{fault};
    return if $name =~ /^[A-Z_0-9]+$/;    # a macro at file scope
    1 while $parameters =~ s/\([^()]*\)//g;
    my $count = $parameters =~ /^\s*(void)?\s*$/ ? 0 : 1 + ($parameters =~ tr/,//);
    $fault->($first, "$name takes $count parameters ($PARAMETERS at most)") if $count > $PARAMETERS;
    check_name($file, $first, $name) if $file->{is_header} || $before !~ /\bstatic\b/;
    if (defined $body) { check_body($file, $item, $name) }
    elsif ($file->{is_header}) { check_documented($file, $first, $last, $name) }
}

# A comment stands right above, or above the first of several prototypes without a blank line. The
# headers of tests are shared inside a folder only and may go without.
sub check_documented {
    my ($file, $first, $last, $name) = @_;
    my $above = $first > 1 ? $file->{lines}[$first - 2] : '';
    my $grouped = $file->{last_prototype} == $first - 1;
    $file->{last_prototype} = $last;
    return if $grouped || $file->{folder} eq 'tests' || $above =~ m{\*/\s*$|^\s*//};
    $file->{fault}->($first, "$name has no comment");
}

sub check_body {
    my ($file, $item, $name) = @_;
    my ($first, $last, undef, $body) = @$item;
    my $fault = $file->{fault};
    my $lines = $last - $first + 1;
    $fault->($first, "$name has $lines lines ($FUNCTION_LINES at most)")
        if $lines > $FUNCTION_LINES;
    my $depth = deepest_block($body) - 1;
    $fault->($first, "$name nests $depth deep ($NESTING at most)") if $depth > $NESTING;
    return if !exists $PREFIX{ $file->{folder} } && $file->{folder} ne 'tools';
    while ($body =~ /\bstatic\b([^;={(]*)/g) {
        check_variable($file, $first, $1) if $1 !~ /\binline\b/;
    }
}

# The depth of blocks; the braces of initialisers and compound literals do not count.
sub deepest_block {
    my ($body) = @_;
    my ($depth, $deepest, @kinds) = (0, 0);
    while ($body =~ /([{}])/g) {
        if ($1 eq '}') { $depth -= pop(@kinds) // 0; next }
        my $before = substr $body, 0, pos($body) - 1;
        my $block = $before =~ /(^|[{};:]|\b(else|do))\s*$/
            || $before =~ /(\w+)\s*(\((?:[^()]++|(?2))*\))\s*$/ && $1 !~ /^(sizeof|return)$/;
        $block = 0 if @kinds && !$kinds[-1];
        push @kinds, $block ? 1 : 0;
        $depth += $block ? 1 : 0;
        $deepest = $depth if $depth > $deepest;
    }
    return $deepest;
}

# Anything at file scope, or static, that can change. One for each thread is shared by nobody.
sub check_variable {
    my ($file, $line, $declared) = @_;
    return if $file->{folder} !~ /^(iocp|sessions|wire|tools)$/ || $declared =~ /_Thread_local/;
    return if $declared =~ /^ ?(struct|union|enum) \w+$/;
    # In a header a bare "type name;" declares a function by its typedef.
    return if $file->{is_header} && $declared !~ /\b(static|extern)\b/;
    (my $plain = $declared) =~ s/\[[^\]]*\]//g;
    my $last = $plain =~ /\*([^*]*)$/ ? $1 : $plain;
    return if $last =~ /\bconst\b/;
    my ($name) = $plain =~ /\(\s*\*\s*(\w+)/ ? $1 : $plain =~ /(\w+)\s*$/;
    $file->{fault}->($line, 'variable that can change: ' . ($name // $plain));
}

1;
