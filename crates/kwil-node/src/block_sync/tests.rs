mod network;
mod rules;
mod world;
