# The guard of a sandbox: renews what the sandbox sees of the host's packed refs, and deletes an editor's sockets in the
# /tmp that both have. It is the agent's user in a container of its own, with /host to read, /view and /tmp to write.
# Whatever the agent puts in a directory's place while it is swept, a symlink say, leads to nothing but these three:
# at worst a mode is widened, or a file with the name of an editor's socket is deleted, where the agent may do so too.
use strict;
use warnings;
no warnings qw(newline recursion);
use Config;

my $SOCKET = qr/^vscode-(?:ipc|git|ssh-auth|wayland)-/;
# Of the editor's own start, which needs them for some seconds.
my $STARTING = qr/^vscode-remote-containers-/;
my $GRACE = 10;
# inotify(7): CREATE, MOVED_TO, ONLYDIR, DONT_FOLLOW; then what the kernel says besides.
my $EVENTS = 0x100 | 0x80 | 0x1000000 | 0x2000000;
my ($IS_DIRECTORY, $OVERFLOW, $IGNORED, $NONBLOCK) = (0x40000000, 0x4000, 0x8000, 0x800);
# Numbers of inotify_init1 and inotify_add_watch; another machine has the sweep of each second alone.
my %CALLS = (x86_64 => [294, 254], aarch64 => [26, 27]);
my ($INIT, $ADD) = @{$CALLS{(split /-/, $Config{archname})[0]} || []};
# Directories that are swept between two rounds because something happened to them; more is a full sweep.
my $PATIENCE = 20_000;

my ($ears, %watched, $lost);
our $hearing;
my $extra = 0;
my $beaten = 0;
# Bytes that the paths of watched directories may take yet.
my $room = 20 << 20;

while (1) {
    ($lost, $extra) = (0, 0);
    renew('packed-refs');
    renew('shallow');
    listen_up();
    sweep('/tmp');
    rest();
}

sub renew {
    my ($name) = @_;
    my ($from, $to) = ("/host/$name", "/view/$name");
    if (!-f $from) {
        return unlink $to if $name eq 'shallow';
        $from = '/dev/null';
    }
    open(my $new, '<', $from) or return;
    my $is_there = open(my $old, '<', $to);
    return if $is_there && is_equal($new, $old);
    # Beside and then in its place, so that nobody reads half of it.
    my $beside = "/view/.$name";
    seek($new, 0, 0) or return;
    open(my $copy, '>', $beside) or return;
    local $/ = \65536;
    while (defined(my $part = <$new>)) { print {$copy} $part or return }
    close $copy and rename $beside, $to;
}

sub is_equal {
    my ($one, $other) = @_;
    local $/ = \65536;
    while (1) {
        my ($left, $right) = (scalar <$one>, scalar <$other>);
        return !defined $left && !defined $right if !defined $left || !defined $right;
        return 0 if $left ne $right;
    }
}

# What the health check looks at; a sweep of many directories takes its time.
sub beat {
    return if time == $beaten;
    $beaten = time;
    if (open(my $file, '>', '/dev/shm/beat')) { print {$file} time }
}

sub listen_up {
    return if $ears || !$INIT;
    # The user's processes everywhere share a number of these: there may be none left now, and one later.
    my $number = syscall $INIT, $NONBLOCK;
    open($ears, '<&=', $number) if $number >= 0;
}

# Everything below a directory; from now on, the kernel tells what comes to lie in it.
sub sweep {
    my ($place) = @_;
    return $lost = 1 if $hearing && ++$extra > $PATIENCE;
    watch($place);
    beat();
    opendir(my $list, $place) or return;
    my @below;
    while (defined(my $name = readdir $list)) {
        next if $name eq '.' || $name eq '..';
        push @below, $name if is_directory_after_all($place, $name);
    }
    closedir $list;
    hear();
    sweep("$place/$_") for @below;
}

sub watch {
    my ($place) = @_;
    return if !$ears || $room < length $place;
    my $watch = syscall $ADD, fileno $ears, $place, $EVENTS;
    return if $watch < 0;
    $room += length($watched{$watch} // '') - length $place;
    $watched{$watch} = $place;
}

# Deletes what is an editor's; a directory is opened to its owner, who is us.
sub is_directory_after_all {
    my ($place, $name) = @_;
    my $path = "$place/$name";
    return 0 if $name =~ $SOCKET && unlink $path;
    my (undef, undef, $mode, @rest) = lstat $path or return 0;
    if (-d _) {
        chmod $mode & 07777 | 0700, $path if ($mode & 0700) != 0700;
        return 1;
    }
    # Since when it is as it is: the agent can set the other times to what it likes.
    my $changed = $rest[7];
    unlink $path if $name =~ $STARTING && time - $changed > $GRACE;
    return 0;
}

# What has happened; not more at a time than one reading, so that rounds go on.
sub hear {
    return if $hearing || !$ears;
    local $hearing = 1;
    sysread($ears, my $events, 65536) or return;
    while (length $events) {
        my ($watch, $mask, undef, $length) = unpack 'l L L L', substr $events, 0, 16, '';
        my $name = unpack 'Z*', substr $events, 0, $length, '';
        my $place = $watched{$watch};
        if ($mask & $OVERFLOW) { $lost = 1 }
        elsif (!defined $place) { next }
        elsif ($mask & $IGNORED) { $room += length delete $watched{$watch} }
        elsif ($mask & $IS_DIRECTORY) { sweep("$place/$name") if is_directory_after_all($place, $name) }
        elsif ($name =~ $SOCKET) { unlink "$place/$name" }
    }
}

# A second, or less where something was missed; a crowd of events does not make it much longer.
sub rest {
    my ($left, $end) = (1, time + 1);
    while ($left > 0 && time <= $end && !$lost) {
        my $ready = '';
        vec($ready, fileno $ears, 1) = 1 if $ears;
        (my $count, $left) = select $ready, undef, undef, $left;
        return if $count <= 0;
        hear();
    }
}
