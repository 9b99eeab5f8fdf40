# What CTest's JUnit file says about each program, and the list of what cannot be tested under Wine:
# read here for the scripts that count and judge.
package TestReport;
use strict;
use warnings;

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$0: $path: $!\n";
    local $/;
    return <$in> // '';
}

# programs(FILE): for each program, in the order of the file:
#   name, seconds   as CTest has them
#   end             "passed", "failed" or "skipped" (the program as a whole)
#   output          what it printed
#   functions       {NAME => "OK", "FAILED" or "SKIPPED"}: what cmocka reported of each
#   lacks           {KIND => 1}: kinds of handles that its tests found missing on this system
#   is_complete     whether cmocka came to its summary
sub programs {
    my ($path) = @_;
    my $xml = slurp($path);
    my @programs;
    while ($xml =~ m{<testcase name="([^"]+)"([^>]*?)(?:/>|>(.*?)</testcase>)}sg) {
        push @programs, program($1, $2, $3 // '');
    }
    return @programs;
}

sub program {
    my ($name, $attributes, $inside) = @_;
    my ($output)  = $inside =~ m{<system-out>(.*?)</system-out>}s;
    my ($status)  = $attributes =~ /status="(\w+)"/;
    my ($seconds) = $attributes =~ /time="([\d.]+)"/;
    $output = plain($output // '');
    my $end = $inside =~ /<skipped/ && $status ne 'fail' ? 'skipped'
        : $status eq 'run' ? 'passed' : 'failed';
    return { name => $name, seconds => $seconds // 0, end => $end, output => $output,
        functions => { functions_of($output) },
        lacks => { map { $_ => 1 } $output =~ /^\[\s+LACKS\s+\] (\S+)\s*$/mg },
        is_complete => scalar($output =~ /^\[=+\] \d+ test\(s\) run\./m) };
}

# Text as the program wrote it: entities and Windows' ends of lines undone.
sub plain {
    my ($text) = @_;
    my %entity = (lt => '<', gt => '>', quot => '"', apos => "'", amp => '&');
    $text =~ s/&(lt|gt|quot|apos|amp);/$entity{$1}/g;
    $text =~ s/(?:\r|&#13;|&#xD;)$//mg;
    return $text;
}

# The functions that cmocka reported, by result; the summary repeats names and is left out.
sub functions_of {
    my ($output) = @_;
    my %result;
    while ($output =~ /^\[\s+(OK|FAILED|SKIPPED)\s+\] (.+)$/mg) {
        my ($how, $name) = ($1, $2);
        $result{$name} = $how if $name !~ /^\d+ test\(s\)/;
    }
    return %result;
}

# skips(FILE): the entries of a list as { "PROGRAM.FUNCTION" or "PROGRAM lacks KIND" => REASON }.
# Dies at a line that is neither, has no reason or comes twice.
sub skips {
    my ($path) = @_;
    my (%reason, $number);
    for my $line (split /\n/, slurp($path)) {
        $number++;
        next if $line =~ /^\s*(#|$)/;
        my ($entry, $why) = $line =~ /^(\S+\/\w+(?:\.\w+| lacks \S+))  +(\S.*?)\s*$/
            or die "$path:$number: neither PROGRAM.FUNCTION nor PROGRAM lacks KIND, two spaces,"
            . " and a reason\n";
        die "$path:$number: $entry comes twice\n" if exists $reason{$entry};
        $reason{$entry} = $why;
    }
    return %reason;
}

1;
