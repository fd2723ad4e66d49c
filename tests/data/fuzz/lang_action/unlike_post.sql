CREATE OR REPLACE ACTION unlike_post($id UUID) PUBLIC {
    DELETE FROM likes WHERE post_id = $id AND user = @caller;
};
