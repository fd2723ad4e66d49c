-- A person's day in numbers, made row by row.
CREATE OR REPLACE ACTION activity($who TEXT) PUBLIC VIEW RETURNS TABLE (kind TEXT, entries INT8) {
    $kinds := ['posts', 'likes', 'follows'];
    FOR $i IN 1..array_length($kinds) {
        $n INT8 := 0;
        IF $kinds[$i] = 'posts' {
            FOR $r IN SELECT count(*) AS n FROM posts WHERE author = $who { $n := $r.n; }
        } ELSEIF $kinds[$i] = 'likes' {
            FOR $r IN SELECT count(*) AS n FROM likes WHERE user = $who { $n := $r.n; }
        } ELSE {
            FOR $r IN SELECT count(*) AS n FROM follows WHERE follower = $who { $n := $r.n; }
        }
        RETURN NEXT $kinds[$i], $n;
    }
};;
