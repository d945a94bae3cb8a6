//! The forwarding process.
/// Forwards.
pub fn serve() -> std::io::Result<()> {
    Ok(())
}
