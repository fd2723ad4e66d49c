//! What reflection shows: only the files whose services this listener serves.

use kwil_api::Service;
use kwil_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::front::Front;

pub(crate) fn descriptors(front: &Front) -> FileDescriptorSet {
    // The bytes are part of this build and decoded by a test.
    let mut set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let admin = front.serves(Service::Admin);
    set.file.retain(|file| {
        let name = file.name();
        name.starts_with("google/")
            || (name.starts_with("kwil/rpc/") && (admin || !name.ends_with("/admin.proto")))
    });
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_methods_is_the_proto_files() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut declared: Vec<String> = set
            .file
            .iter()
            .filter(|file| file.package() == "kwil.rpc.v1")
            .flat_map(|file| &file.service)
            .flat_map(|service| {
                service
                    .method
                    .iter()
                    .map(|method| format!("/kwil.rpc.v1.{}/{}", service.name(), method.name()))
            })
            .collect();
        declared.sort();
        let mut table: Vec<&str> = kwil_api::METHODS.iter().map(|method| method.path).collect();
        table.sort_unstable();
        assert_eq!(table, declared);
    }
}
