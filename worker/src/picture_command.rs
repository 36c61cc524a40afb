//! `pfp-worker picture`: the picture pipeline on files, without a server, to see what it does and what it costs.

use crate::picture::{Inspected, Limits, Picture, PictureOptions, inspect, make_picture, thread_cpu_time};
use anyhow::Context;
use clap::Args;
use peak_alloc::PeakAlloc;
use pfp_shared::crop::Crop;
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::PictureFormat;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A file that can't be read; a rejected picture is a verdict, no error.
const UNREADABLE: u8 = 2;

/// Arguments of `pfp-worker picture`.
#[derive(Debug, Clone, Args)]
pub struct PictureArgs {
    /// Keep only this part of each picture, in pixels of the upright picture
    #[arg(long, value_name = "X,Y,WIDTH,HEIGHT", value_parser = Crop::parse_query, allow_hyphen_values = true)]
    pub crop: Option<Crop>,
    /// Side of the made pictures, in pixels, instead of PFP_PICTURE_SIZE
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub size: Option<u32>,
    /// Print a line of JSON for each file
    #[arg(long)]
    pub json: bool,
    /// Write the made pictures into this folder, as `FILE NAME.jpg`, `.png` or `.gif`
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Make each picture this often and give the median of the processor time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub repeat: u32,
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Makes the pictures of all files and prints a line for each on standard output.
///
/// The exit code is 2 when a file couldn't be read (the others are still done), else 0.
///
/// # Errors
/// When a made picture can't be written, or standard output is gone.
pub fn run(args: &PictureArgs, mut options: PictureOptions) -> anyhow::Result<ExitCode> {
    options.size = args.size.unwrap_or(options.size);
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let mut unreadable = false;
    for file in &args.files {
        match std::fs::read(file) {
            Ok(bytes) => {
                let report = report(file, &bytes, args, &options)?;
                let line = if args.json { serde_json::to_string(&report)? } else { report.to_text() };
                writeln!(std::io::stdout().lock(), "{line}")?;
            }
            Err(error) => {
                unreadable = true;
                writeln!(std::io::stderr().lock(), "{}: {error}", file.display())?;
            }
        }
    }
    Ok(if unreadable { ExitCode::from(UNREADABLE) } else { ExitCode::SUCCESS })
}

/// The line of a file; what isn't known is null.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    verdict: &'static str,
    code: Option<&'static str>,
    detail: Option<String>,
    format: Option<PictureFormat>,
    width: Option<u32>,
    height: Option<u32>,
    frames: Option<u32>,
    out: Option<String>,
    out_bytes: Option<usize>,
    cpu_ms: f64,
    peak_bytes: usize,
}

fn report(file: &Path, bytes: &[u8], args: &PictureArgs, options: &PictureOptions) -> anyhow::Result<Report> {
    let run = measure(bytes, args, options);
    let mut report = Report {
        file: file.display().to_string(),
        verdict: "picture",
        code: None,
        detail: None,
        format: run.inspected.as_ref().map(|inspected| inspected.format),
        width: run.inspected.as_ref().map(|inspected| inspected.width),
        height: run.inspected.as_ref().map(|inspected| inspected.height),
        frames: run.inspected.as_ref().map(|inspected| inspected.frames),
        out: None,
        out_bytes: None,
        cpu_ms: (run.cpu.as_secs_f64() * 1e6).round() / 1e3,
        peak_bytes: run.peak,
    };
    match run.made {
        Ok(picture) => {
            report.out_bytes = Some(picture.bytes.len());
            report.out = match &args.output {
                Some(folder) => Some(write(folder, file, &picture)?.display().to_string()),
                None => None,
            };
        }
        Err(failure) => {
            report.verdict = "rejected";
            report.code = Some(failure.code.as_str());
            report.detail = Some(failure.detail);
        }
    }
    Ok(report)
}

fn write(folder: &Path, file: &Path, picture: &Picture) -> anyhow::Result<PathBuf> {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(picture.format.extension());
    let out = folder.join(name);
    std::fs::write(&out, &picture.bytes).with_context(|| format!("writing {}", out.display()))?;
    Ok(out)
}

struct Run {
    inspected: Option<Inspected>,
    made: Result<Picture, Failure>,
    /// The median of all runs.
    cpu: Duration,
    /// The most that was allocated above the start, in bytes, over all runs.
    peak: usize,
}

/// Allocated bytes are counted, not resident pages: an allocator keeps pages that an earlier file used, which
/// would make every later one look small.
fn measure(bytes: &[u8], args: &PictureArgs, options: &PictureOptions) -> Run {
    let mut times = Vec::new();
    let mut peak = 0;
    loop {
        PeakAlloc.reset_peak_usage();
        let before = PeakAlloc.current_usage();
        let start = thread_cpu_time();
        let inspected = inspect(bytes, options);
        let made = match &inspected {
            Ok(inspected) => make_picture(bytes, inspected, args.crop, options),
            Err(failure) => Err(failure.clone()),
        };
        times.push(thread_cpu_time().saturating_sub(start));
        peak = peak.max(PeakAlloc.peak_usage().saturating_sub(before));
        if times.len() >= args.repeat as usize {
            times.sort_unstable();
            let inspected = inspected.ok().or_else(|| beyond_the_limits(bytes, options));
            return Run { inspected, made, cpu: times[times.len() / 2], peak };
        }
    }
}

/// The header of a file that was rejected by it, where it can be read: what was beyond a limit is worth telling.
fn beyond_the_limits(bytes: &[u8], options: &PictureOptions) -> Option<Inspected> {
    let limits = Limits {
        max_pixels: 1 << 40,
        max_side: 1 << 20,
        max_frames: u32::MAX,
        max_animation_pixels: u64::MAX,
        max_scans: u32::MAX,
        decode_timeout: Duration::MAX,
        max_memory: u64::MAX,
    };
    let allowed = PictureFormat::ALL.to_vec();
    inspect(bytes, &PictureOptions { limits, allowed, ..options.clone() }).ok()
}

impl Report {
    fn to_text(&self) -> String {
        let size = match (self.width, self.height) {
            (Some(width), Some(height)) => format!(" {width} x {height}"),
            _ => String::new(),
        };
        let verdict = match (&self.code, &self.detail, self.out_bytes) {
            (Some(code), Some(detail), _) => format!("rejected, {code}: {detail}"),
            (_, _, Some(bytes)) => format!("{bytes} bytes"),
            _ => String::new(),
        };
        let out = self.out.as_ref().map(|out| format!(" in {out}")).unwrap_or_default();
        let Self { file, cpu_ms, peak_bytes, .. } = self;
        format!("{file}{size}: {verdict}{out} ({cpu_ms:.3} ms, {peak_bytes} bytes of memory)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: PictureArgs,
    }

    fn args(line: &str) -> Result<PictureArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 30, 20);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[77; 600]).unwrap();
        bytes
    }

    #[test]
    fn a_report_has_every_member_and_null_where_nothing_is_known() {
        let args = args("picture --crop 0,0,10,10 --repeat 3 a.png").unwrap();
        let options = PictureOptions::default();
        let made = report(Path::new("a.png"), &png(), &args, &options).unwrap();
        let made = serde_json::to_value(made).unwrap();
        assert_eq!(made["file"], "a.png");
        assert_eq!(made["verdict"], "picture");
        assert_eq!(made["format"], "png");
        assert_eq!((&made["width"], &made["height"], &made["frames"]), (&30.into(), &20.into(), &1.into()));
        assert!(made["out"].is_null() && made["code"].is_null() && made["out_bytes"].is_u64());
        let rejected =
            serde_json::to_value(report(Path::new("b"), b"text", &args, &options).unwrap()).unwrap();
        assert_eq!((&rejected["verdict"], &rejected["code"]), (&"rejected".into(), &"invalid_format".into()));
        assert!(rejected["detail"].is_string() && rejected["width"].is_null());
        assert_eq!(made.as_object().unwrap().len(), rejected.as_object().unwrap().len());
    }

    #[test]
    fn a_picture_is_written_under_the_name_of_its_file() {
        let folder = std::env::temp_dir().join(format!("pfp-picture-command-{}", std::process::id()));
        let file = folder.join("in.dat");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, png()).unwrap();
        let line = format!("picture --size 16 -o {0}/out {0}/in.dat {0}/absent", folder.display());
        let code = run(&args(&line).unwrap(), PictureOptions::default()).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(UNREADABLE)));
        let out = std::fs::read(folder.join("out").join("in.dat.png")).unwrap();
        assert_eq!(image::load_from_memory(&out).unwrap().width(), 16);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for line in ["picture", "picture --crop 1,2,3 a", "picture --crop -1,0,5,5 a", "picture --size 0 a"] {
            assert!(args(line).is_err(), "{line}");
        }
    }
}
