CREATE OR REPLACE ACTION remove_post($id UUID) PUBLIC {
    require_author($id);
    DELETE FROM posts WHERE id = $id;
};
